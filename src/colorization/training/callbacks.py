"""Watch the steps of a training: finite losses, progress, and signals."""

import logging
import math
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback, Timer
from pytorch_lightning.utilities import rank_zero_only
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from colorization.data.datamodule import ColorDataModule
from colorization.data.processes import gather, sum_over_processes
from colorization.errors import interrupt
from colorization.reports.progress import telling
from colorization.training.colorizer import Colorizer, get_shares
from colorization.training.distributed import raise_once
from colorization.training.reproduce import save_settings

COUNTED = ("epochs", "images", "train_seconds", "seconds", "epoch_images", "epoch_seconds")
MOST = 100  # steps that are not checked yet
EARLY = 20  # steps before the rest of the time is estimated
WINDOW = 600  # s that the estimate looks back; an epoch's validation should lie within

log = logging.getLogger(__name__)


class Step(NamedTuple):
    """A step of the training whose losses are to be checked."""

    number: int
    """Of all steps, from 1."""
    batch: int
    """Place in the epoch, from 0."""
    rate: float
    """Learning rate."""
    losses: Mapping[str, Tensor]
    """The sum and its terms, scalars on the device."""


class FiniteLoss(Callback):
    """End a training whose loss is not finite, before its weights or pictures are written.

    It must come before the callbacks that write. On a CPU it ends the step itself. Elsewhere it
    ends some steps later: a check of every step would wait for the device. Lightning's check in
    EarlyStopping sees an epoch's mean, after its weights are saved, and names no photographs.

    Args:
        data: what is trained on, for the names of its photographs.
    """

    def __init__(self, data: ColorDataModule) -> None:
        self.data = data
        self.rate = 0.0
        self.steps: list[Step] = []  # not checked yet

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        self.rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: object,
        batch_idx: int,
    ) -> None:
        """
        Raises:
            InputError: naming the first such step, its photographs, and what to try.
        """
        losses = {"loss": outputs["loss"], **outputs["terms"]}
        self.steps.append(Step(trainer.global_step, batch_idx, self.rate, losses))
        if outputs["loss"].is_cpu or trainer.is_last_batch or len(self.steps) == MOST:
            self.check(trainer)

    def check(self, trainer: pl.Trainer) -> None:
        """Check the steps since the last check; errors as :meth:`on_train_batch_end`."""
        steps, self.steps = self.steps, []
        if not steps:
            return
        is_bad = ~torch.stack([step.losses["loss"] for step in steps]).isfinite()
        bad_anywhere = sum_over_processes(is_bad.float()).tolist()
        if not any(bad_anywhere):
            return
        step = next(step for step, bad in zip(steps, bad_anywhere, strict=True) if bad)
        values = {name: value.item() for name, value in step.losses.items()}
        bad = ", ".join(f"{n} {v}" for n, v in values.items() if not math.isfinite(v))
        parts = gather((self.data.names_of_batch(step.batch), bad))  # of the processes
        names = ", ".join(dict.fromkeys(name for part, _ in parts for name in part))
        first_bad = next(bad for _, bad in parts if bad)
        raise_once(
            trainer,
            f"training diverged in epoch {trainer.current_epoch + 1}, step {step.number}: "
            f"{first_bad}, for the photographs {names}; {give_advice(trainer, step.rate)}",
        )

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """
        Raises:
            InputError: if the last step of the epoch spoilt the weights.
        """
        values = {name: float(trainer.callback_metrics[name]) for name in ("val/loss", "val/mse")}
        if bad := ", ".join(f"{n} {v}" for n, v in values.items() if not math.isfinite(v)):
            raise_once(
                trainer,
                f"training diverged at the end of epoch {trainer.current_epoch + 1}: {bad}; "
                f"{give_advice(trainer, self.rate)}",
            )


def give_advice(trainer: pl.Trainer, rate: float) -> str:
    """Name the settings that matter and what to try; say that older checkpoints are kept."""
    optimizer = type(trainer.optimizers[0]).__name__
    advice = "lower optimizer.lr"
    if trainer.precision != "32-true":
        advice += ", or set trainer.precision=32-true"
    where = f"{optimizer} at lr={rate:g} in {trainer.precision}"
    return f"{where}; {advice}; what was saved before is kept"


class SavedSettings(Callback):
    """Write a run's settings into its folder when training begins; a refused start writes none."""

    def __init__(self, config: DictConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        save_settings(self.config, self.folder)


class EpochProgress(Callback):
    """Show one bar over all steps with losses and images/s; log images/s; count what was done.

    Lightning's bars show one epoch each, print nothing where there is no terminal, and keep no
    counts in a checkpoint.
    """

    def __init__(self) -> None:
        epoch, status = TextColumn("{task.description}"), TextColumn("{task.fields[status]}")
        self.progress = Progress(
            *(epoch, BarColumn(bar_width=12), MofNCompleteColumn(), TimeRemainingColumn(), status),
            speed_estimate_period=WINDOW,
        )
        self.task = self.progress.add_task("training", status="", start=False)
        self.lines = ExitStack()
        # Of this epoch: the sum of the loss, its weight, and images/s.
        self.so_far: tuple[Tensor, Tensor, float] | None = None
        self.steps = 0  # of this epoch
        self.begin = 0  # steps that were done before
        self.mark = 0.0
        # Of all epochs, those before a resumption too, and of this epoch.
        self.epochs = 0
        self.images = 0
        self.train_seconds = 0.0
        self.seconds = 0.0
        self.epoch_images = 0
        self.epoch_seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COUNTED}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def take_time(self) -> float:
        """Add the seconds since the last call to the training's; return them."""
        now = time.monotonic()
        passed, self.mark = now - self.mark, now
        self.seconds += passed
        return passed

    @property
    def images_per_second(self) -> float:
        """Rate of the training steps, validation left out."""
        return self.images / self.train_seconds if self.images else float("nan")

    def status(self, trainer: pl.Trainer) -> str:
        """Describe where the training is, how quick it is, and the scores of the last epoch."""
        doing = ", scoring val" if trainer.validating else ""
        step = f"step {self.steps} of {trainer.num_training_batches}{doing}"
        line = f"{self.progress.tasks[0].description}, {step}"
        if so_far := self.so_far:  # which the training changes meanwhile
            total, weight, rate = so_far
            line += f"; loss {float(total / weight):.5f}, {rate:.3g} images/s"
        if left := self.describe_time_left(trainer):
            line += f", {left}"
        scores = str(self.progress.tasks[0].fields["status"])
        return line + (f"; last epoch: {scores}" if scores else "")

    def describe_time_left(self, trainer: pl.Trainer) -> str:
        """Estimate the minutes to the last step or ``trainer.max_minutes``; early, say nothing."""
        seconds = self.progress.tasks[0].time_remaining
        if trainer.global_step - self.begin < EARLY or seconds is None:
            return ""
        limits = [c.time_remaining() for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]
        minutes = min([seconds, *(limit for limit in limits if limit is not None)]) / 60
        return f"about {minutes:.0f} minutes left" if minutes >= 2 else "less than 2 minutes left"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.begin, steps = trainer.global_step, trainer.estimated_stepping_batches
        self.progress.update(self.task, total=steps, completed=self.begin)
        self.progress.start_task(self.task)
        self.progress.start()
        self.lines.enter_context(telling(lambda: self.status(trainer)))
        self.mark = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.take_time()
        self.steps, self.epoch_images, self.epoch_seconds = 0, 0, 0.0
        self.so_far = None
        epoch = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
        self.progress.update(self.task, description=epoch)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: tuple[Tensor, ...],
        batch_idx: int,
    ) -> None:
        passed = self.take_time()
        self.steps = batch_idx + 1
        count = get_shares(trainer).count(batch_idx)
        self.train_seconds += passed
        self.epoch_seconds += passed
        self.images += count
        self.epoch_images += count
        assert isinstance(pl_module, Colorizer)
        mean = pl_module.epoch_means["train/loss"]
        rate = self.epoch_images / self.epoch_seconds
        self.so_far = mean.total, mean.weight, rate  # read as it is told: that waits for the device
        self.progress.update(self.task, completed=trainer.global_step)
        is_early = trainer.global_step - self.begin == EARLY
        if is_early and (left := self.describe_time_left(trainer)):
            log.info("after %d steps: %s", EARLY, left)
        if trainer.is_last_batch:
            # Before validation starts, so that it is the training's own rate.
            pl_module.log("train/images_per_second", rate)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Here, so that both are in the checkpoint of this epoch.
        self.take_time()
        self.epochs = trainer.current_epoch + 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = trainer.callback_metrics
        status = f"train {values['train/loss']:.5f}"
        if "val/mse" in values:
            status += f"  val {values['val/mse']:.5f}  {values['val/psnr']:.2f} dB"
        status += f"  {self.images_per_second:.0f} images/s"
        self.progress.update(self.task, status=status)

    def on_train_end(self, *_: object) -> None:
        self.lines.close()
        self.progress.stop()

    def on_exception(self, *_: object) -> None:
        self.on_train_end()


class Interruptible(Callback):
    """End this process at once on SIGTERM: Lightning's handler would wait for the others."""

    def on_train_start(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, interrupt)

    def on_test_start(self, *_: object) -> None:
        self.on_train_start()
