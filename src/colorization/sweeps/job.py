"""One run of a sweep, in whatever process its launcher gives it."""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.models.results import find_outcome, get_error, save_results
from colorization.settings.commands import Train
from colorization.settings.compose import parse_config
from colorization.settings.failures import BAD_INPUT, one_line
from colorization.settings.machine import cores
from colorization.settings.run_files import CHECKPOINTS
from colorization.sweeps.runs import read_jobs
from colorization.training.reproduce import save_settings

log = logging.getLogger(__name__)

Trained = Callable[[Train, Path, Sequence[Callback]], dict[str, Any]]


def run(config: DictConfig, folder: Path, train: Trained) -> float:
    """Train, or go on, unless that has ended already; a failure is written down, others stand.

    Returns:
        The validation error; infinite if there is none.
    """
    with held(folder) as is_ours:
        if not is_ours:
            log.info("%s is being made by another process", folder)
            return math.inf
        outcome = find_outcome(folder) or make_run(config, folder, train)
    return get_error(outcome)


def make_run(config: DictConfig, folder: Path, train: Trained) -> dict[str, Any]:
    """Make a run; return what it has found, or why it was given up, as its results hold it."""
    save_settings(config, folder)
    hydra = HydraConfig.get()
    runs = hydra.sweeper.at_once if hydra.sweeper.trials else len(read_jobs(folder.parent))
    if threads := count_threads(hydra.launcher, runs):
        torch.set_num_threads(threads)
    try:
        settings: Train = parse_config(config)
        if settings.trainer.strategy == "ddp":
            raise InputError("trainer=ddp cannot be part of a sweep; start its runs one by one")
        last = folder / CHECKPOINTS / "last.ckpt"
        settings.resume = str(last) if last.is_file() else None
        return train(settings, folder, make_pruning(hydra.sweeper))
    except PrunedError as stopped:
        log.info("%s: %s", folder, stopped)
        outcome = {"pruned": str(stopped), "val": stopped.scores}
    except Exception as error:
        is_bug = not isinstance(error, BAD_INPUT)
        log.error("run failed: %s", one_line(error), exc_info=is_bug)
        outcome = {"error": one_line(error)}
    save_results(outcome, folder)
    return outcome


def count_threads(launcher: DictConfig, runs: int) -> int | None:
    """Count the CPU threads for each of the runs at a time of a launcher; None is all there are.

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


class PrunedError(Exception):
    """Says when a run was given up; ``scores`` are its last of val."""

    def __init__(self, message: str, scores: dict[str, float]) -> None:
        super().__init__(message)
        self.scores = scores


class Pruning(Callback):
    """Tells a study the validation error of every epoch, and gives up when it says so.

    Args:
        trial: an Optuna trial.
    """

    def __init__(self, trial: Any) -> None:
        self.trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        scores = {
            name.removeprefix("val/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/")
        }
        self.trial.report(scores["mse"], epoch)
        if self.trial.should_prune():
            raise PrunedError(f"given up after epoch {epoch} of {trainer.max_epochs}", scores)


def make_pruning(sweeper: DictConfig) -> list[Callback]:
    """Make what gives up a run of a search that is worse than the others were by then."""
    if sweeper.trials is None:
        return []
    from colorization.sweeps.study import open_study, running_trial

    study = open_study(Path(sweeper.study), sweeper.warmup)
    return [Pruning(running_trial(study, sweeper.trial))]
