"""The leaderboard: a sweep over experiments and seeds, and a record of its runs.

The runs lie in ``outputs/sweeps/leaderboard``, a sweep that grows. Those that ended well are lines
of ``runs.jsonl``, each with its command and commit; they are not made again.
"""

import json
import logging
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode, TaskFunction

from colorization.errors import InputError, interruptible
from colorization.files.atomic import write_text
from colorization.models.results import check_kinds, find_outcome, list_other_splits
from colorization.settings.commands import Board, Leaderboard, Train
from colorization.settings.compare import drop_neutral, find_difference
from colorization.settings.overrides import quote_overrides
from colorization.sweeps.launch import Sweep, launch, to_train_settings
from colorization.sweeps.photographs import write_worth
from colorization.sweeps.runs import SWEEPS, is_place, number_jobs
from colorization.sweeps.standings import Ranked, Standing, format_tables, list_ended

log = logging.getLogger(__name__)

FOLDER = SWEEPS / "leaderboard"
RECORD = "runs.jsonl"

Outcome = dict[str, Any]
"""What a run's ``results.json`` holds; of one that failed, ``error``."""


class Run(NamedTuple):
    """One training: an experiment of conf/ on so many photographs of a dataset."""

    dataset: str
    train: int
    experiment: str
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset}, {self.train} photographs, {self.experiment}, seed {self.seed}"

    @property
    def words(self) -> list[str]:
        """What ``python -m src.train`` is told."""
        return [
            f"experiment={self.experiment}",
            f"dataset={self.dataset}",
            f"dataset.train={self.train}",
            f"seed={self.seed}",
        ]


@interruptible()
def leaderboard(settings: Leaderboard, train: TaskFunction) -> tuple[str, int]:
    """Train what is missing, record it, and write the tables.

    Args:
        train: makes one run of a sweep.

    Returns:
        The tables as Markdown, and how many runs failed.

    Raises:
        InputError: for an experiment or dataset that does not exist, before anything is trained.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; the same command goes on.
    """
    folder = Path(settings.results)
    sweep = open_sweep(settings.jobs, train)
    more = [*settings.overrides, f"data_dir={settings.data_dir}"]
    words = {run: quote_overrides([*run.words, *more], Train) for run in list_runs(settings)}
    lines = read_record(folder / RECORD)
    outcomes: dict[Run, Outcome | None] = dict(select_current(lines, words, sweep))
    jobs, numbers = number_jobs(list(words.values()), FOLDER)
    missing = {run: n for run, n in zip(words, numbers, strict=True) if run not in outcomes}
    folder.mkdir(parents=True, exist_ok=True)  # now, not after hours
    try:
        if settings.train and missing:
            launch(sweep, jobs, list(missing.values()))
    finally:
        for run, number in missing.items():
            outcomes[run] = outcome = find_outcome(FOLDER / str(number))
            if outcome and "error" not in outcome:
                lines[run] = describe_run(run, words[run], outcome)
        if lines:
            text = "".join(json.dumps(lines[run]) + "\n" for run in sorted(lines))
            write_text(text, folder / RECORD)
        boards = [(board, count) for board in settings.boards for count in board.train]
        standings = [collect_standing(*board, outcomes) for board in boards]
        tables = format_tables(standings)
        if any(outcomes.values()):
            write_text(tables, folder / "README.md")
        if settings.picture and any(map(list_ended, standings)):
            write_worth(standings, Path(settings.picture))
    return tables, sum("error" in outcome for outcome in outcomes.values() if outcome)


def open_sweep(jobs: int, train: TaskFunction) -> Sweep:
    """Open the leaderboard's sweep, with so many runs at a time."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    words = ["hydra.mode=MULTIRUN", f"hydra.sweep.dir={FOLDER}"]
    if jobs > 1:
        words += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}"]
    config = hydra.compose_config("train", words, RunMode.MULTIRUN)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
    launcher = Plugins.instance().instantiate_launcher(context, train, config)
    return Sweep(config, hydra.config_loader, launcher, time.time())


def list_runs(settings: Leaderboard) -> Iterator[Run]:
    """List all runs, one seed of everything before the next."""
    for seed in settings.seeds:
        for board in settings.boards:
            for count in board.train:
                for experiment in board.experiments:
                    yield Run(board.dataset, count, experiment, seed)


def read_record(path: Path) -> dict[Run, Outcome]:
    """Read the recorded runs; log a warning for a line that cannot be used, and leave it out."""
    found = {}
    lines = path.read_text().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            outcome = json.loads(line)
            check_kinds(outcome, Ranked, "it")
            found[Run(**outcome["run"])] = outcome
        except (InputError, ValueError, TypeError, RecursionError) as error:
            log.warning("%s, line %d: %s; that run is made anew", path, number, error)
    return found


def select_current(
    lines: Mapping[Run, Outcome], words: Mapping[Run, Sequence[str]], sweep: Sweep
) -> Iterator[tuple[Run, Outcome]]:
    """Select the recorded runs that were made with the settings of now."""
    defaults = {
        dataset: to_train_settings(sweep.compose([f"dataset={dataset}"]))
        for dataset in {run.dataset for run in words}
    }
    for run, said in words.items():
        now = to_train_settings(sweep.compose(said))  # also of runs that are not recorded: a check
        if run not in lines:
            continue
        different = find_difference(lines[run]["config"], now, defaults[run.dataset])
        if different:
            log.warning("%s was made with %s and is made anew", run, different)
        else:
            yield run, lines[run]


def describe_run(run: Run, words: Sequence[str], outcome: Outcome) -> Outcome:
    """Return a run's line of the record: its results, its command, and no place of this machine."""
    said = shlex.join(["colorization", "train", *(word for word in words if not is_place(word))])
    config = {"config": drop_neutral(outcome["config"])}
    return {"run": run._asdict(), "command": said, **outcome, **config}


def collect_standing(board: Board, train: int, outcomes: Mapping[Run, Outcome | None]) -> Standing:
    """Collect what was found on one training set, by experiment.

    All runs are of the same photographs; one of others, by its digests, counts as failed.
    """
    found: dict[str, list[Outcome]] = {name: [] for name in board.experiments}
    first: dict[str, str] = {}
    for run, outcome in outcomes.items():
        is_here = (run.dataset, run.train) == (board.dataset, train) and run.experiment in found
        if not is_here or not outcome:
            continue
        digests = outcome.get("data", {})
        if splits := list_other_splits(first, digests):
            outcome = {
                "error": f"it has other {splits} photographs than the runs above; to train it "
                f"again, delete its line in {RECORD}"
            }
        first = first or digests
        found[run.experiment].append(outcome)
    return Standing(board.dataset, train, found)
