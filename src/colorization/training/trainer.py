"""Make Lightning's Trainer with the callbacks and the logger of every run."""

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
from colorization.settings.run_files import CHECKPOINTS
from colorization.training.by_epoch import PictureGrid, TestCurve
from colorization.training.callbacks import EpochProgress, FiniteLoss, Interruptible
from colorization.training.checkpoints import (
    AtomicCheckpointIO,
    MovableCheckpoint,
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
    """Make Lightning's Trainer for a run.

    Args:
        watchers: more callbacks.
        steps_done: before the checkpoint that the run goes on from.

    Raises:
        InputError: if there are fewer devices than asked for, or fewer photographs in a step than
            processes.
    """
    limits = settings.trainer
    trainer = pl.Trainer(
        accelerator=device.accelerator,
        **make_strategy(limits, device.accelerator, colorizer),
        use_distributed_sampler=False,  # the data module shares its batches out
        precision=device.precision,  # type: ignore[arg-type]
        max_epochs=limits.max_epochs,
        logger=make_logger(folder, steps_done),
        callbacks=[*make_callbacks(limits, colorizer, data, folder, progress), *watchers],
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


def make_callbacks(
    limits: Trainer,
    colorizer: Colorizer,
    data: ColorDataModule,
    folder: Path,
    progress: EpochProgress,
) -> list[Callback]:
    """Make the callbacks that watch and save a run; the checks and counts come first."""
    kept = folder / CHECKPOINTS
    patience = limits.max_epochs if colorizer.adversary else limits.patience  # it comes late
    losses = FiniteLoss(data)
    callbacks = [
        losses,
        progress,
        PictureGrid(data, folder / "pictures", limits.pictures_every),
        LearningRateMonitor(logging_interval="epoch"),
        Patience(colorizer.monitor, patience=patience),
        keep_best(colorizer, kept),
        MovableCheckpoint(kept, "last", enable_version_counter=False),
    ]
    if limits.test_every:
        callbacks.append(TestCurve(data, limits.test_every))
    if limits.ema is not None:
        # After the pictures and the test curve, which are of the averaged weights.
        callbacks.append(RunningAverage(limits.ema))
    if limits.strategy == "ddp":
        callbacks.append(Interruptible())
    if limits.max_minutes:
        callbacks.append(Timer(timedelta(minutes=limits.max_minutes), interval="epoch"))
    if limits.checkpoint_every:
        callbacks.append(SaveWithinEpoch(kept / "last.ckpt", limits.checkpoint_every, losses))
    return callbacks


def make_strategy(limits: Trainer, accelerator: str, colorizer: Colorizer) -> dict[str, Any]:
    """Return the Trainer's arguments for the number of processes and how they work together.

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


def make_logger(folder: Path, steps_done: int) -> TensorBoardLogger:
    """Log curves to TensorBoard; hide those of steps after the checkpoint to go on from."""
    return TensorBoardLogger(
        folder, name="tensorboard", version="", default_hp_metric=False, purge_step=steps_done
    )


def keep_best(colorizer: Colorizer, folder: Path) -> MovableCheckpoint:
    """Save the weights that are best on validation photographs.

    With an adversary save those of the last epoch: no validation score measures what it adds.
    """
    monitor, mode = ("epoch", "max") if colorizer.adversary else (colorizer.monitor, "min")
    return MovableCheckpoint(
        folder, "best", monitor=monitor, mode=mode, enable_version_counter=False
    )
