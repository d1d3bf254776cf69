"""What is saved of a training, and what one that goes on makes of it."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from colorization.files.atomic import BESIDE, replacing
from colorization.training.divergence import FiniteLoss

EMA = "ema"  # in a checkpoint, how much of an average a step leaves


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, whole or not at all: a full disk or a kill leaves the one before."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        whole = BytesIO()  # torch.save hides what is wrong with a disk it writes to
        torch.save(checkpoint, whole)
        with replacing(Path(path)) as beside:
            beside.write_bytes(whole.getbuffer())


class Kept(ModelCheckpoint):
    """Lightning's choice of checkpoints, which goes on in a folder that has moved since."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: str) -> str:
            return os.path.join(self.dirpath or "", os.path.basename(path)) if path else path

        names = ("best_model_path", "last_model_path", "kth_best_model_path")
        moved = {name: here(state_dict[name]) for name in names}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            {**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath}
        )


class Patience(EarlyStopping):
    """Lightning's, which a training that goes on may set anew, and which has not ended in vain."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True
        else:
            self.stopped_epoch = 0


class RunningAverage(WeightAveraging):
    """Scores and saves the running average of the weights; those that do not change stay exact."""

    def __init__(self, decay: float) -> None:
        def moved(average: Tensor, weight: Tensor, _: Tensor | int) -> Tensor:
            return torch.lerp(average, weight, 1 - decay)

        super().__init__(use_buffers=False, avg_fn=moved)
        self.decay = decay

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        checkpoint[EMA] = self.decay


class SaveWithinEpoch(Callback):
    """Saves a checkpoint every so many steps, but not after an epoch's last, which is saved anyway.

    It takes its place when the next step has a finite loss: the step that it is of may have spoilt
    the weights. Lightning's own would skip the validation of an epoch that was saved right before
    it.

    Args:
        path: of the checkpoint.
        every: steps.
        losses: tells whether they are finite.
    """

    def __init__(self, path: Path, every: int, losses: FiniteLoss) -> None:
        self.path = path
        self.waiting = path.with_name(f"{BESIDE}{path.name}")
        self.is_waiting = False
        self.every = every
        self.losses = losses

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object
    ) -> None:
        if self.is_waiting:
            self.losses.look(trainer)
            self.is_waiting = False
            self.take_place()
        if trainer.global_step % self.every == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.waiting, weights_only=False)
            self.is_waiting = True

    @rank_zero_only
    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.waiting.unlink(missing_ok=True)

    @rank_zero_only
    def take_place(self) -> None:
        self.waiting.replace(self.path)
