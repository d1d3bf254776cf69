"""Lightning's Trainer, with the callbacks and loggers of every run."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, Timer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy

from colorization.data.datamodule import ColorDataModule
from colorization.errors import InputError
from colorization.models import hardware
from colorization.settings.commands import Train, Trainer
from colorization.settings.compose import CHECKPOINTS
from colorization.training.callbacks import EpochProgress, FiniteLoss, Interruptible, PictureGrid
from colorization.training.checkpoints import (
    AtomicCheckpointIO,
    Kept,
    Patience,
    RunningAverage,
    SaveWithinEpoch,
)
from colorization.training.colorizer import Colorizer


def make_trainer(
    settings: Train,
    device: hardware.Hardware,
    colorizer: Colorizer,
    data: ColorDataModule,
    folder: Path,
    progress: EpochProgress,
    watchers: Sequence[Callback] = (),
    steps_done: int = 0,
) -> pl.Trainer:
    """Lightning's Trainer with the callbacks and loggers of every run.

    Args:
        steps_done: those that the checkpoint to go on from has behind it.

    Raises:
        InputError: if there are fewer devices than asked for, or a step's photographs are fewer.
    """
    limits = settings.trainer
    trainer = pl.Trainer(
        accelerator=device.accelerator,
        **processes(limits, device.accelerator, colorizer),
        use_distributed_sampler=False,  # the data module shares its batches out
        precision=device.precision,  # type: ignore[arg-type]
        max_epochs=limits.max_epochs,
        logger=curves(folder, steps_done),
        callbacks=[*callbacks_of(limits, colorizer, data, folder, progress), *watchers],
        plugins=[AtomicCheckpointIO()],
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if data.batch_size < trainer.world_size:
        raise InputError(
            f"data.batch_size is {data.batch_size}, of all processes together; it must be at least "
            f"{trainer.world_size}, one photograph for each"
        )
    data.rank, data.processes = trainer.global_rank, trainer.world_size
    return trainer


def callbacks_of(
    limits: Trainer,
    colorizer: Colorizer,
    data: ColorDataModule,
    folder: Path,
    progress: EpochProgress,
) -> list[Callback]:
    """What watches and saves every run; those that notice a bad loss and count come first."""
    kept = folder / CHECKPOINTS
    patience = limits.max_epochs if colorizer.adversary else limits.patience  # it comes late
    losses = FiniteLoss(data)
    callbacks = [
        losses,
        progress,
        PictureGrid(data, folder / "pictures", limits.pictures_every),
        LearningRateMonitor(logging_interval="epoch"),
        Patience(colorizer.monitor, patience=patience),
        best_weights(colorizer, kept),
        Kept(kept, "last", enable_version_counter=False),
    ]
    if limits.ema is not None:
        # After the pictures, which are drawn with the averaged weights.
        callbacks.append(RunningAverage(limits.ema))
    if limits.strategy == "ddp":
        callbacks.append(Interruptible())
    if limits.max_minutes:
        callbacks.append(Timer(timedelta(minutes=limits.max_minutes), interval="epoch"))
    if limits.checkpoint_every:
        callbacks.append(SaveWithinEpoch(kept / "last.ckpt", limits.checkpoint_every, losses))
    return callbacks


def processes(limits: Trainer, accelerator: str, colorizer: Colorizer) -> dict[str, Any]:
    """How many processes train, and how they work together, in Lightning's words.

    Raises:
        InputError: for more GPUs than there are.
    """
    if limits.strategy == "auto":
        return {"devices": 1}
    if accelerator == "mps":
        raise InputError("Apple's GPU trains in one process; set trainer.accelerator=cpu as well")
    # An adversary is not trained before it begins.
    strategy = DDPStrategy(
        find_unused_parameters=bool(colorizer.adversary),
        timeout=timedelta(days=1),  # others wait for the one that fetches a dataset
    )
    gpus = torch.cuda.device_count()
    if accelerator == "gpu" and (limits.devices or 1) > gpus:
        raise InputError(f"trainer.devices is {limits.devices}, but PyTorch finds {gpus} GPUs")
    devices = limits.devices or int(os.environ.get("LOCAL_WORLD_SIZE", 0)) or "auto"  # torchrun's
    return {"strategy": strategy, "devices": devices, "num_nodes": limits.nodes}


def curves(folder: Path, steps_done: int) -> TensorBoardLogger:
    """Curves of a run; those of steps that a killed process made, and no checkpoint has, end."""
    return TensorBoardLogger(
        folder, name="tensorboard", version="", default_hp_metric=False, purge_step=steps_done
    )


def best_weights(colorizer: Colorizer, folder: Path) -> Kept:
    """Keep the weights that are best on validation photographs.

    No validation score says what an adversary adds: where there is one, those of the last epoch.
    """
    monitor, mode = ("epoch", "max") if colorizer.adversary else (colorizer.monitor, "min")
    return Kept(folder, "best", monitor=monitor, mode=mode, enable_version_counter=False)
