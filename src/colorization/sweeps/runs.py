"""What is there of a sweep: every run, whether it has ended, and what it has found."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from colorization.files.atomic import LOCK, is_free
from colorization.settings.compose import CHECKPOINTS
from colorization.sweeps.folder import read_jobs, settings
from colorization.sweeps.job import error_of, read_outcome


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
    """The runs of a sweep, the best validation error first and those without one last.

    Raises:
        InputError: if the folder is not a sweep's.
    """
    runs = [
        read_run(folder / str(number), number, found)
        for number, found in settings(read_jobs(folder)).items()
    ]
    return sorted(runs, key=rank)


def rank(run: Run) -> tuple[bool, float, int]:
    """Finished runs before all others, by their error."""
    value = error_of(run.outcome) if run.outcome else float("inf")
    return not run.is_finished, value, run.number


def read_run(folder: Path, number: int, found: Mapping[str, str]) -> Run:
    outcome = read_outcome(folder) or {}
    return Run(number, found, state_of(folder, outcome), outcome, curve_of(folder))


def state_of(folder: Path, outcome: Mapping[str, Any]) -> str:
    if outcome:
        kinds = {"error": "failed", "pruned": "given up"}
        return next((kinds[kind] for kind in kinds if kind in outcome), "finished")
    if not folder.is_dir():
        return "waiting"
    if not is_free(folder / LOCK):
        return "running"
    return "interrupted" if (folder / CHECKPOINTS / "last.ckpt").is_file() else "waiting"


def curve_of(folder: Path) -> list[float]:
    """Validation errors by epoch, out of TensorBoard's files."""
    if not (folder / "tensorboard").is_dir():
        return []
    logging.getLogger("tensorboard").setLevel(logging.WARNING)  # names every file it reads
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    if "val/mse" not in events.Tags()["scalars"]:
        return []
    # An epoch that was interrupted and made again counts once.
    by_step = {scalar.step: scalar.value for scalar in events.Scalars("val/mse")}
    return [by_step[step] for step in sorted(by_step)]
