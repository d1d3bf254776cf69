"""Recipes over several seeds, beside the baselines: ``python -m src.leaderboard``."""

import json
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose

from colorization.errors import InputError, interruptible
from colorization.files.atomic import held, write_text
from colorization.models.results import other_splits, read_outcome
from colorization.reports.progress import shown
from colorization.settings.commands import Board, Leaderboard, Train
from colorization.settings.compare import Wanted, as_json, started_with, without_places
from colorization.settings.compose import CHECKPOINTS, build, checked, dataset_settings, plain
from colorization.settings.installation import name_module
from colorization.settings.machine import Processes, cores
from colorization.settings.overrides import quote_overrides
from colorization.sweeps.standings import Ranked, Standing, tables

log = logging.getLogger(__name__)

RUNS = Path("outputs", "leaderboard").absolute()


class Run(NamedTuple):
    """One training: an experiment of conf/ on so many photographs of a dataset."""

    dataset: str
    train: int
    experiment: str
    seed: int

    def __str__(self) -> str:
        name = self.experiment.removeprefix("ladder/")
        return f"{self.dataset}_{self.train}/{name}/{self.seed}"

    @property
    def overrides(self) -> list[str]:
        """What ``python -m src.train`` is told."""
        return [
            f"experiment={self.experiment}",
            f"dataset={self.dataset}",
            f"dataset.train={self.train}",
            f"seed={self.seed}",
        ]


Outcome = dict[str, Any]
"""What a run's ``results.json`` holds; of one that failed, ``error`` and its ``config``."""


@interruptible()
def leaderboard(settings: Leaderboard) -> tuple[str, int]:
    """Train what is missing, and write the tables and every run's results.

    Returns:
        The tables as Markdown, and how many runs failed.

    Raises:
        InputError: for an experiment or dataset that does not exist, before anything is trained.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; the same command goes on.
    """
    folder = Path(settings.results)
    wanted = {run: wanted_of(run, settings) for run in runs_of(settings)}
    folder.mkdir(parents=True, exist_ok=True)  # now, not after hours
    outcomes = {run: made(folder / f"{run}.json", wanted[run]) for run in wanted}
    try:
        if settings.train:
            missing = {run: wanted[run] for run in wanted if not is_good(outcomes[run])}
            for name in dict.fromkeys(run.dataset for run in missing):
                build(dataset_settings(name, settings.data_dir)).prepare()
            for run, outcome in trained(missing, settings):
                outcomes[run] = outcome
                kept = outcome | {"config": without_places(wanted[run].settings)}
                write_text(json.dumps(kept, indent=1) + "\n", folder / f"{run}.json")
    finally:
        boards = [(board, train) for board in settings.boards for train in board.train]
        text = tables([standing(board, train, outcomes) for board, train in boards])
        if any(outcomes.values()):
            write_text(text, folder / "README.md")
    return text, sum("error" in outcome for outcome in outcomes.values() if outcome)


def runs_of(settings: Leaderboard) -> Iterator[Run]:
    """All runs, one seed of everything before the next."""
    for seed in settings.seeds:
        for board in settings.boards:
            for count in board.train:
                for experiment in board.experiments:
                    yield Run(board.dataset, count, experiment, seed)


def wanted_of(run: Run, settings: Leaderboard) -> Wanted:
    """What src.train makes of a run's overrides."""

    def composed(*overrides: str) -> dict[str, Any]:
        words = quote_overrides(overrides, Train)
        settings: dict[str, Any] = as_json(plain(checked(compose("train", words))))
        return settings

    return Wanted(composed(*run.overrides, *settings.overrides), composed(f"dataset={run.dataset}"))


def is_good(outcome: Outcome | None) -> bool:
    return outcome is not None and "error" not in outcome


def made(path: Path, wanted: Wanted) -> Outcome | None:
    """The outcome of a run with the settings wanted now, if there is one."""
    try:
        outcome = read_outcome(path, Ranked)
    except FileNotFoundError:
        return None
    except InputError as error:
        log.warning("%s; it is made anew", error)
        return None
    different = wanted.difference(outcome.get("config", {}))
    if different:
        log.warning("%s was made with %s and is made anew", path, different)
        return None
    return outcome


def trained(runs: Mapping[Run, Wanted], settings: Leaderboard) -> Iterator[tuple[Run, Outcome]]:
    """Train runs, ``settings.jobs`` at a time, and hand out each as it ends."""
    processes = Processes()
    with ThreadPoolExecutor(settings.jobs) as pool:
        try:
            waiting = {
                pool.submit(train, run, wanted, settings, processes): run
                for run, wanted in runs.items()
            }
            for done in shown(as_completed(waiting), "runs", len(runs)):
                run, outcome = waiting[done], done.result()
                if is_good(outcome):
                    log.info("%s: MSE %.6f", run, outcome["test"]["network"]["mse"])
                else:
                    log.warning("%s failed: %s", run, outcome["error"])
                yield run, outcome
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.stop()


def train(run: Run, wanted: Wanted, settings: Leaderboard, processes: Processes) -> Outcome:
    """Train one run in a process of its own, from where it was interrupted if it was."""
    folder = RUNS / str(run)
    words = [sys.executable, "-m", name_module("train"), *run.overrides, *settings.overrides]
    words += [f"data_dir={settings.data_dir}", f"hydra.run.dir={folder}"]
    last = folder / CHECKPOINTS / "last.ckpt"
    try:
        if last.is_file() and was_started_with(wanted, folder):
            words.append(f"resume={last}")
        elif folder.exists():
            with held(folder) as is_ours:
                if not is_ours:
                    return {"error": f"another process is training in {folder}"}
                shutil.rmtree(folder)
        status, complaint = processes.run(words, threads=cores() // settings.jobs)
        if status == 0:
            return read_outcome(folder / "results.json", Ranked)
    except (OSError, InputError) as error:
        return {"error": f"{folder} cannot be used: {error}"}
    lines = complaint.splitlines() or [f"exit status {status}"]
    return {"error": lines[-1].removeprefix("error: ")}


def was_started_with(wanted: Wanted, folder: Path) -> bool:
    """Whether a run's folder is of a run with the settings wanted now."""
    try:
        return not wanted.difference(started_with(folder))
    except Exception:  # damaged bytes can raise anything
        return False


def standing(board: Board, train: int, outcomes: Mapping[Run, Outcome | None]) -> Standing:
    """What was found on one training set, by experiment.

    All runs are of the same photographs; one of others, by its digests, counts as failed.
    """
    found: dict[str, list[Outcome]] = {name: [] for name in board.experiments}
    first: dict[str, str] = {}
    for run, outcome in outcomes.items():
        is_here = (run.dataset, run.train) == (board.dataset, train) and run.experiment in found
        if not is_here or not outcome:
            continue
        digests = outcome.get("data", {})
        if splits := other_splits(first, digests):
            outcome = {
                "error": f"it has other {splits} photographs than the runs above; to train it "
                f"again, delete {run}.json"
            }
        first = first or digests
        found[run.experiment].append(outcome)
    return Standing(board.dataset, train, found)
