"""Recipes over several seeds, beside the baselines: ``python -m src.leaderboard``."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra import compose
from omegaconf import DictConfig, OmegaConf
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from src import command
from src.config import CHECKPOINTS, CONF, build, checked, dataset_settings, plain, register
from src.files import write_text
from src.results import flat
from src.schemas import Board, Leaderboard
from src.standings import Standing, tables

log = logging.getLogger(__name__)

RUNS = Path("outputs", "leaderboard").absolute()
# Settings that leave a run's scores as they are.
PLACES = ("data_dir", "dataset.root", "dataset.max_pixels", "resume", "trainer.pictures_every")


class Run(NamedTuple):
    """One training: an experiment of conf/ on so many photographs of a dataset."""

    dataset: str
    train: int
    experiment: str
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset}_{self.train}/{self.experiment}/{self.seed}"

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
"""What a run's ``results.json`` holds, or ``{"error": why it failed}``."""


@command.interruptible()
def leaderboard(settings: Leaderboard) -> tuple[str, int]:
    """Train what is missing, and write the tables and every run's results.

    Returns:
        The tables as Markdown, and how many runs failed.

    Raises:
        InputError: for an experiment or dataset that does not exist, before anything is trained.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; the same command goes on.
    """
    folder = Path(settings.results)
    wanted = {run: settings_of(run, settings) for run in runs_of(settings)}
    outcomes = {run: finished(folder / f"{run}.json", wanted[run]) for run in wanted}
    if settings.train:
        missing = {run: wanted[run] for run, outcome in outcomes.items() if outcome is None}
        for name in dict.fromkeys(run.dataset for run in missing):
            build(dataset_settings(name, settings.data_dir)).prepare()
        for run, outcome in trained(missing, settings):
            outcomes[run] = outcome
            if "error" in outcome:
                log.warning("%s failed: %s", run, outcome["error"])
            else:
                write_text(json.dumps(outcome, indent=1) + "\n", folder / f"{run}.json")
                log.info("%s: MSE %.6f", run, outcome["test"]["network"]["mse"])
    text = tables([standing(board, n, outcomes) for board in settings.boards for n in board.train])
    write_text(text, folder / "README.md")
    failed = sum("error" in outcome for outcome in outcomes.values() if outcome)
    return text, failed


def runs_of(settings: Leaderboard) -> Iterator[Run]:
    """All runs, one seed of everything before the next."""
    for seed in settings.seeds:
        for board in settings.boards:
            for count in board.train:
                for experiment in board.experiments:
                    yield Run(board.dataset, count, experiment, seed)


def finished(path: Path, wanted: Mapping[str, Any]) -> Outcome | None:
    """Results of a run that has been made with the settings wanted now, if there are any."""
    if not path.is_file():
        return None
    try:
        outcome: Outcome = json.loads(path.read_text())
        different = difference(outcome["config"], wanted)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read and is made anew: %s", path, error)
        return None
    if different:
        log.warning("%s was made with %s and is made anew", path, different)
        return None
    return outcome


def settings_of(run: Run, settings: Leaderboard) -> dict[str, Any]:
    """What a run is trained with, as ``results.json`` holds it."""
    config = plain(checked(compose("train", [*run.overrides, *settings.overrides])))
    typed: dict[str, Any] = json.loads(json.dumps(config))
    return typed


def difference(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """A setting in which a run differs from what is wanted, as NAME=VALUE; empty if there is none.

    Settings that the run does not know, being older, do not count.
    """
    now = flat(wanted)
    for name, value in flat(made).items():
        if name not in PLACES and now.get(name) != value:
            return f"{name}={value}"
    return ""


def trained(
    runs: Mapping[Run, Mapping[str, Any]], settings: Leaderboard
) -> Iterator[tuple[Run, Outcome]]:
    """Train runs with these settings, so many at a time, and hand out each as it ends."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    running: list[subprocess.Popen[str]] = []
    with (
        Progress(*columns, console=get_console(), transient=True) as progress,
        ThreadPoolExecutor(settings.jobs) as pool,
    ):
        task = progress.add_task("runs", total=len(runs))
        waiting = {
            pool.submit(train, run, wanted, settings, running): run for run, wanted in runs.items()
        }
        try:
            for done in as_completed(waiting):
                progress.advance(task)
                yield waiting[done], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()  # src.train keeps its last whole epoch


def train(
    run: Run,
    wanted: Mapping[str, Any],
    settings: Leaderboard,
    running: list[subprocess.Popen[str]],
) -> Outcome:
    """Train one run in a process of its own, from where it was interrupted if it was."""
    folder = RUNS / str(run)
    words = [*run.overrides, *settings.overrides, f"data_dir={settings.data_dir}"]
    words.append(f"hydra.run.dir={folder}")
    last = folder / CHECKPOINTS / "last.ckpt"
    if last.is_file():
        if was_started_with(wanted, folder):
            words.append(f"resume={last}")
        else:
            shutil.rmtree(folder)
    threads = max(1, (os.cpu_count() or 1) // settings.jobs)
    process = subprocess.Popen(
        [sys.executable, "-m", "src.train", *words],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    running.append(process)
    complaint = process.communicate()[1].strip()
    if process.returncode:
        reason = complaint.splitlines()[-1] if complaint else f"exit status {process.returncode}"
        return {"error": reason.removeprefix("error: ")}
    outcome: Outcome = json.loads((folder / "results.json").read_text())
    return outcome


def was_started_with(wanted: Mapping[str, Any], folder: Path) -> bool:
    """Whether a run's folder is of a run with these settings."""
    config = OmegaConf.load(folder / "config" / "config.yaml")
    made = OmegaConf.to_container(config, resolve=True)
    assert isinstance(made, dict)
    return not difference(json.loads(json.dumps(made)), wanted)


def standing(board: Board, train: int, outcomes: Mapping[Run, Outcome | None]) -> Standing:
    """What was found on one training set, by experiment."""
    found: dict[str, list[Outcome]] = {name: [] for name in board.experiments}
    for run, outcome in outcomes.items():
        if (run.dataset, run.train) == (board.dataset, train) and run.experiment in found:
            found[run.experiment] += [outcome] if outcome else []
    return Standing(board.dataset, train, found)


@hydra.main(version_base="1.3", config_path=CONF, config_name="leaderboard")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        text, failed = leaderboard(checked(config))
        print(text)
        if failed:
            raise SystemExit(f"{failed} runs failed")


if __name__ == "__main__":
    register()
    command.run(main)
