"""Lightning's Trainer, with the callbacks and loggers of every run."""

from datetime import timedelta
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    Timer,
    WeightAveraging,
)
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from src import hardware
from src.callbacks import AtomicCheckpointIO, EpochProgress, PictureGrid, SaveWithinEpoch
from src.colorizer import Colorizer
from src.config import CHECKPOINTS
from src.data.datamodule import ColorDataModule
from src.schemas.commands import Train

GRID_PICTURES = 8


def make_trainer(
    settings: Train,
    device: hardware.Hardware,
    colorizer: Colorizer,
    data: ColorDataModule,
    folder: Path,
    progress: EpochProgress,
) -> pl.Trainer:
    """Lightning's Trainer with the callbacks and loggers of every run."""
    limits = settings.trainer
    kept = folder / CHECKPOINTS
    patience = limits.max_epochs if colorizer.adversary else limits.patience  # it comes late
    callbacks = [
        progress,
        PictureGrid(
            data.images["val"].pixels[:GRID_PICTURES], folder / "pictures", limits.pictures_every
        ),
        LearningRateMonitor(logging_interval="epoch"),
        EarlyStopping(colorizer.monitor, patience=patience, check_finite=True),
        best_weights(colorizer, kept),
        ModelCheckpoint(kept, "last", enable_version_counter=False),
    ]
    if limits.ema is not None:
        # After the pictures, which are drawn with the averaged weights.
        callbacks.append(running_average(limits.ema))
    if limits.max_minutes:
        callbacks.append(Timer(timedelta(minutes=limits.max_minutes), interval="epoch"))
    if limits.checkpoint_every:
        callbacks.append(SaveWithinEpoch(kept / "last.ckpt", limits.checkpoint_every))
    return pl.Trainer(
        accelerator=device.accelerator,
        devices=1,
        precision=device.precision,  # type: ignore[arg-type]
        max_epochs=limits.max_epochs,
        logger=TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False),
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def running_average(decay: float) -> WeightAveraging:
    """Score and save the running average of the weights; those that do not change stay exact."""

    def moved(average: Tensor, weight: Tensor, _: Tensor | int) -> Tensor:
        return torch.lerp(average, weight, 1 - decay)

    return WeightAveraging(use_buffers=False, avg_fn=moved)


def best_weights(colorizer: Colorizer, folder: Path) -> ModelCheckpoint:
    """Keep the weights that are best on validation photographs.

    No validation score says what an adversary adds: where there is one, those of the last epoch.
    """
    monitor, mode = ("epoch", "max") if colorizer.adversary else (colorizer.monitor, "min")
    return ModelCheckpoint(folder, "best", monitor=monitor, mode=mode, enable_version_counter=False)
