"""Give up a run of a search that is worse than the others were by then."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback


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


def pruning(sweeper: DictConfig) -> list[Callback]:
    """Of a run of a search, what gives it up; of other runs nothing."""
    if sweeper.trials is None:
        return []
    from colorization.sweeps.study import open_study, running_trial

    study = open_study(Path(sweeper.study), sweeper.warmup)
    return [Pruning(running_trial(study, sweeper.trial))]
