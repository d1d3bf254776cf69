"""A loss that is not finite ends a training at once, with what led to it in one line."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from colorization.data.datamodule import ColorDataModule
from colorization.data.processes import gathered, sum_over_processes
from colorization.training.distributed import told_once

MOST = 100  # steps that are not looked at yet


class Step(NamedTuple):
    """A step of the training that is to be looked at.

    Args:
        number: of all steps, from 1.
        batch: its place in the epoch, from 0.
        rate: of learning.
        losses: the sum and its terms, scalars on the device.
    """

    number: int
    batch: int
    rate: float
    losses: Mapping[str, Tensor]


class FiniteLoss(Callback):
    """Ends a training in which a loss is not finite, before weights or pictures of it are written.

    Goes before the callbacks that write. On a CPU it ends in the step itself; elsewhere some steps
    later, for looking at every step would have it wait for the device.

    Args:
        data: what is trained on, for the names of its photographs.
    """

    def __init__(self, data: ColorDataModule) -> None:
        self.data = data
        self.rate = 0.0
        self.steps: list[Step] = []  # not looked at yet

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
            self.look(trainer)

    def look(self, trainer: pl.Trainer) -> None:
        """As :meth:`on_train_batch_end`, of the steps since the last look."""
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
        parts = gathered((self.data.names_of_batch(step.batch), bad))  # of the processes
        names = ", ".join(dict.fromkeys(name for part, _ in parts for name in part))
        first_bad = next(bad for _, bad in parts if bad)
        told_once(
            trainer,
            f"training diverged in epoch {trainer.current_epoch + 1}, step {step.number}: "
            f"{first_bad}, for the photographs {names}; {circumstances(trainer, step.rate)}",
        )

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """
        Raises:
            InputError: if the last step of the epoch spoilt the weights.
        """
        values = {name: float(trainer.callback_metrics[name]) for name in ("val/loss", "val/mse")}
        if bad := ", ".join(f"{n} {v}" for n, v in values.items() if not math.isfinite(v)):
            told_once(
                trainer,
                f"training diverged at the end of epoch {trainer.current_epoch + 1}: {bad}; "
                f"{circumstances(trainer, self.rate)}",
            )


def circumstances(trainer: pl.Trainer, rate: float) -> str:
    """The settings that matter, what to try, and what there is to go back to."""
    optimizer = type(trainer.optimizers[0]).__name__
    advice = "lower optimizer.lr"
    if trainer.precision != "32-true":
        advice += ", or set trainer.precision=32-true"
    where = f"{optimizer} at lr={rate:g} in {trainer.precision}"
    return f"{where}; {advice}; what was saved before is kept"
