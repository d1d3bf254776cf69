"""A sweep's folder: where it lies, what its runs are, and what is there of each."""

import hashlib
import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from colorization.errors import InputError
from colorization.files.atomic import LOCK, is_free, write_text
from colorization.models.results import find_outcome, get_error
from colorization.settings.compare import NEUTRAL
from colorization.settings.run_files import CHECKPOINTS

SWEEPS = Path("outputs", "sweeps")
PLAN = "sweep.json"
FLAGS = {"-m", "--multirun"}
NAMED = "sweep="
HERE = NEUTRAL - {"root"}  # which names the photographs of dataset=folder

Jobs = Mapping[int, Sequence[str]]
"""By number, which is the name of its folder: the words of a run, as ``python -m src.train`` takes
them."""


def add_folder(words: Sequence[str]) -> list[str]:
    """Return a command's words, and if they are of a sweep, one more that says where it lies.

    Launchers and places, which change no score, may differ between words that go on. Flags of a
    sweep come first: Hydra wants overrides side by side.
    """
    flags = [word for word in words if word in FLAGS]
    words = [word for word in words if word not in FLAGS]
    named = (word.lstrip("+") for word in words)
    name = next((word.removeprefix(NAMED) for word in named if word.startswith(NAMED)), "")
    is_sweep = flags or name or "hydra.mode=MULTIRUN" in words
    if not is_sweep or any(word.startswith("hydra.sweep.dir=") for word in words):
        return [*flags, *words]
    said = shlex.join(select_telling(words))
    digest = hashlib.blake2b(said.encode(), digest_size=4).hexdigest()
    place = next(i for i, word in enumerate([*words, "="]) if "=" in word and word[0] != "-")
    folder = f"hydra.sweep.dir={SWEEPS}/{name or 'sweep'}-{digest}"
    return [*flags, *words[:place], folder, *words[place:]]


def is_place(word: str) -> bool:
    """Tell whether a word only says where or how runs are made, and is not swept."""
    name = word.lstrip("+").partition("=")[0]
    is_how = name.startswith(("hydra.", "hydra/"))
    return (is_how or name.rpartition(".")[2] in HERE) and "," not in word


def check_same(jobs: Jobs, folder: Path) -> None:
    """Make sure that a folder, if it is a sweep's, is of this one.

    Raises:
        InputError: naming a run that is another there, or a damaged plan.
    """
    if not (folder / PLAN).is_file():
        return
    for number, words in read_jobs(folder).items():
        then, now = (shlex.join(select_telling(w)) for w in (words, jobs.get(number, words)))
        if then != now:
            raise InputError(
                f"{folder} is another sweep's: its run {number} is {then}, and not {now}; set "
                "hydra.sweep.dir to a new folder"
            )


def number_jobs(several: Sequence[Sequence[str]], folder: Path) -> tuple[Jobs, list[int]]:
    """Number the runs of a sweep that grows: those that are known keep their numbers.

    Returns:
        All its runs, and the number of each of ``several``.
    """
    jobs = read_jobs(folder) if (folder / PLAN).is_file() else {}
    known = {select_telling(words): number for number, words in jobs.items()}
    numbers = []
    for words in several:
        number = known.setdefault(select_telling(words), max(jobs, default=-1) + 1)
        jobs[number] = list(words)
        numbers.append(number)
    return jobs, numbers


def select_telling(words: Sequence[str]) -> tuple[str, ...]:
    """Select the words of a run that matter for what it finds."""
    return tuple(word for word in words if not is_place(word))


def save_jobs(jobs: Jobs, folder: Path) -> None:
    """Write down what a sweep's runs are."""
    kept = {str(number): list(words) for number, words in jobs.items()}
    write_text(json.dumps({"jobs": kept}, indent=1) + "\n", folder / PLAN)


def read_jobs(folder: Path) -> dict[int, list[str]]:
    """Read what a sweep's runs are.

    Raises:
        InputError: if the folder is not a sweep's.
    """
    path = folder / PLAN
    if not path.is_file():
        raise InputError(f"{folder} is not the folder of a sweep: it has no {PLAN}")
    try:
        jobs = json.loads(path.read_text())["jobs"]
        return {int(number): [str(word) for word in words] for number, words in jobs.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and repeat the sweep") from error


def list_varied(jobs: Jobs) -> dict[int, dict[str, str]]:
    """List the settings in which not all runs are alike, by run."""
    split = {
        number: {name: value for name, _, value in (word.partition("=") for word in words)}
        for number, words in jobs.items()
    }
    names = list(dict.fromkeys(name for found in split.values() for name in found))
    varied = [name for name in names if len({found.get(name) for found in split.values()}) > 1]
    return {number: {n: found.get(n, "") for n in varied} for number, found in split.items()}


class Run(NamedTuple):
    """One run of a sweep.

    Attributes:
        settings: those in which not all runs are alike.
        state: ``finished``, ``given up``, ``failed``, ``running``, ``interrupted`` or ``waiting``.
        outcome: what its ``results.json`` holds; empty until it has ended.
        curve: the validation error of every epoch so far.
    """

    number: int
    settings: Mapping[str, str]
    state: str
    outcome: Mapping[str, Any]
    curve: list[float]

    @property
    def is_finished(self) -> bool:
        return self.state == "finished"


def read_runs(folder: Path) -> list[Run]:
    """Read the runs of a sweep, the best validation error first and those without one last.

    Raises:
        InputError: if the folder is not a sweep's.
    """
    runs = [
        read_run(folder / str(number), number, found)
        for number, found in list_varied(read_jobs(folder)).items()
    ]
    return sorted(runs, key=rank_run)


def rank_run(run: Run) -> tuple[bool, float, int]:
    """Rank finished runs before all others, by their error."""
    value = get_error(run.outcome) if run.outcome else float("inf")
    return not run.is_finished, value, run.number


def read_run(folder: Path, number: int, found: Mapping[str, str]) -> Run:
    outcome = find_outcome(folder) or {}
    curve = list(read_scalars(folder, "val/mse").values())
    return Run(number, found, find_state(folder, outcome), outcome, curve)


def find_state(folder: Path, outcome: Mapping[str, Any]) -> str:
    if outcome:
        kinds = {"error": "failed", "pruned": "given up"}
        return next((kinds[kind] for kind in kinds if kind in outcome), "finished")
    if not folder.is_dir():
        return "waiting"
    if not is_free(folder / LOCK):
        return "running"
    return "interrupted" if (folder / CHECKPOINTS / "last.ckpt").is_file() else "waiting"


def read_scalars(folder: Path, name: str) -> dict[int, float]:
    """Read a run's values of one name by step, out of TensorBoard's files, if there are any."""
    if not (folder / "tensorboard").is_dir():
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.WARNING)  # names every file it reads
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    if name not in events.Tags()["scalars"]:
        return {}
    # An epoch that was interrupted and made again counts once.
    return dict(sorted((scalar.step, scalar.value) for scalar in events.Scalars(name)))
