"""One run of a sweep, in whatever process its launcher gives it."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pydantic import FiniteFloat
from pytorch_lightning.callbacks import Callback

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.models import results
from colorization.models.results import Scored, Scores
from colorization.settings.commands import Train
from colorization.settings.compose import CHECKPOINTS, checked
from colorization.settings.failures import BAD_INPUT, one_line
from colorization.settings.machine import cores
from colorization.sweeps.folder import read_jobs
from colorization.sweeps.pruning import PrunedError, pruning
from colorization.training.reproduce import save_settings

log = logging.getLogger(__name__)

Trained = Callable[[Train, Path, Sequence[Callback]], dict[str, Any]]


class Ended(Scored):
    """What a search and a report take out of a run's results."""

    val: Scores
    best_epoch: int
    epochs: int
    images_per_second: FiniteFloat


def run(config: DictConfig, folder: Path, train: Trained) -> float:
    """Train, or go on, unless that has ended already; a failure is written down, others stand.

    Returns:
        The validation error; infinite if there is none.
    """
    with held(folder) as is_ours:
        if not is_ours:
            log.info("%s is being made by another process", folder)
            return math.inf
        outcome = read_outcome(folder) or made(config, folder, train)
    return error_of(outcome)


def made(config: DictConfig, folder: Path, train: Trained) -> dict[str, Any]:
    """What a run has found, or why it was given up, as its ``results.json`` holds it."""
    save_settings(config, folder)
    hydra = HydraConfig.get()
    runs = hydra.sweeper.at_once if hydra.sweeper.trials else len(read_jobs(folder.parent))
    if threads := threads_of(hydra.launcher, runs):
        torch.set_num_threads(threads)
    try:
        settings: Train = checked(config)
        if settings.trainer.strategy == "ddp":
            raise InputError("trainer=ddp cannot be part of a sweep; start its runs one by one")
        last = folder / CHECKPOINTS / "last.ckpt"
        settings.resume = str(last) if last.is_file() else None
        return train(settings, folder, pruning(hydra.sweeper))
    except PrunedError as stopped:
        log.info("%s: %s", folder, stopped)
        outcome = {"pruned": str(stopped), "val": stopped.scores}
    except Exception as error:
        is_bug = not isinstance(error, BAD_INPUT)
        log.error("run failed: %s", one_line(error), exc_info=is_bug)
        outcome = {"error": one_line(error)}
    results.save(outcome, folder)
    return outcome


def read_outcome(folder: Path) -> dict[str, Any] | None:
    """What a run has left, with ``error`` if it failed and ``pruned`` if it was given up.

    None, with a warning, if it is damaged.
    """
    try:
        return results.read_outcome(folder / "results.json", Ended)
    except FileNotFoundError:
        return None
    except InputError as error:
        log.warning("%s; the run counts as not ended, and the sweep makes it again", error)
        return None


def error_of(outcome: Mapping[str, Any]) -> float:
    """The validation error that an outcome has, which a search minimises."""
    value = math.inf if "error" in outcome else float(outcome["val"]["mse"])
    return math.inf if math.isnan(value) else value


def threads_of(launcher: DictConfig, runs: int) -> int | None:
    """CPU threads for each of the runs that a launcher has at a time; None is all there are.

    Args:
        runs: how many there are at the most.
    """
    if "n_jobs" in launcher:  # joblib
        jobs = launcher.n_jobs or 1
        return max(1, cores() // min(jobs if jobs > 0 else cores(), runs))
    if "cpus_per_task" in launcher:  # submitit
        return int(launcher.cpus_per_task or 1)
    if "ray" in launcher:
        return max(1, int(launcher.ray.remote.get("num_cpus", 1)))
    return None
