"""Where a sweep lies: the same words find the same folder, and so go on with what is there."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.settings.compare import PLACES

SWEEPS = Path("outputs", "sweeps")
PLAN = "sweep.json"
FLAGS = {"-m", "--multirun"}
NAMED = "sweep="
HERE = PLACES - {"root"}  # which names the photographs of dataset=folder

Jobs = Mapping[int, Sequence[str]]
"""By number, which is the name of its folder: the words of a run, as ``python -m src.train`` takes
them."""


def with_folder(words: Sequence[str]) -> list[str]:
    """A command's words, and if they are of a sweep, the one that says where it lies.

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
    said = shlex.join(word for word in words if not is_place(word))
    digest = hashlib.blake2b(said.encode(), digest_size=4).hexdigest()
    place = next(i for i, word in enumerate([*words, "="]) if "=" in word and word[0] != "-")
    folder = f"hydra.sweep.dir={SWEEPS}/{name or 'sweep'}-{digest}"
    return [*flags, *words[:place], folder, *words[place:]]


def is_place(word: str) -> bool:
    """Whether a word only says where or how runs are made, and is not swept."""
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
        then, now = (
            shlex.join(word for word in kept if not is_place(word))
            for kept in (words, jobs.get(number, words))
        )
        if then != now:
            raise InputError(
                f"{folder} is another sweep's: its run {number} is {then}, and not {now}; set "
                "hydra.sweep.dir to a new folder"
            )


def save_jobs(jobs: Jobs, folder: Path) -> None:
    """Write down what a sweep's runs are."""
    kept = {str(number): list(words) for number, words in jobs.items()}
    write_text(json.dumps({"jobs": kept}, indent=1) + "\n", folder / PLAN)


def read_jobs(folder: Path) -> dict[int, list[str]]:
    """What a sweep's runs are.

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


def settings(jobs: Jobs) -> dict[int, dict[str, str]]:
    """By run, the settings in which not all are alike."""
    split = {
        number: {name: value for name, _, value in (word.partition("=") for word in words)}
        for number, words in jobs.items()
    }
    names = list(dict.fromkeys(name for found in split.values() for name in found))
    varied = [name for name in names if len({found.get(name) for found in split.values()}) > 1]
    return {number: {n: found.get(n, "") for n in varied} for number, found in split.items()}
