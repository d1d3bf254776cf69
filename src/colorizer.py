"""The LightningModule: network, objective, optimizer, schedule and metrics."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor

from src.checkpoints import read_checkpoint
from src.color import LabBatch, scale_lightness
from src.config import build
from src.metrics import FINAL, color_metrics, paired
from src.predictor import Predictor, restored


class Colorizer(Predictor, pl.LightningModule):
    """Learns to predict a and b from L.

    Every argument is a plain dict with the ``_target_`` and the settings of one part, so that a
    checkpoint holds primitives and tensors only.

    Args:
        network: scaled L (B,1,H,W) to raw output.
        objective: raw output to ab, and the loss.
        optimizer: of the network's parameters.
        scheduler: of the learning rate, over the run's steps.
        flip_average: whether a prediction is the mean over a photograph and its mirror image.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        objective: Mapping[str, Any],
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any],
        flip_average: bool = False,
    ) -> None:
        super().__init__(network, objective, flip_average)
        self.save_hyperparameters()
        self.optimizer_settings = optimizer
        self.scheduler_settings = scheduler
        self.val_metrics = color_metrics("val/")
        self.test_metrics = color_metrics("test/", FINAL)

    def start(self, batches: Iterable[LabBatch]) -> None:
        """Make ready for a new training on a training set's photographs."""
        self.network.start(self.objective.start(batch.ab for batch in batches))

    def decode_otherwise(self, flip_average: bool | None, temperature: float | None) -> None:
        super().decode_otherwise(flip_average, temperature)
        if flip_average is not None:
            self.hparams["flip_average"] = flip_average
        if temperature is not None:
            self.hparams["objective"] |= {"temperature": temperature}

    def loss(self, raw: Tensor, batch: LabBatch) -> Tensor:
        loss: Tensor = self.objective(raw, batch.ab, self.network.upsampling)
        return loss

    def on_fit_start(self) -> None:
        self.network.keep_features(self.trainer.datamodule.augmentation.is_repeating)  # type: ignore[attr-defined]

    def on_fit_end(self) -> None:
        self.network.keep_features(False)

    def training_step(self, batch: LabBatch, batch_idx: int) -> Tensor:
        loss = self.loss(self.network(scale_lightness(batch.L)), batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.L))
        return loss

    def validation_step(self, batch: LabBatch, batch_idx: int) -> None:
        views = self.raw_views(batch.L)
        self.log("val/loss", self.loss(views[0], batch), batch_size=len(batch.L))
        self.val_metrics.update(paired(self.ab(views, batch.L), batch))
        self.log_dict(self.val_metrics, batch_size=len(batch.L))

    def test_step(self, batch: LabBatch, batch_idx: int) -> None:
        self.test_metrics.update(paired(self(batch.L), batch))
        self.log_dict(self.test_metrics, batch_size=len(batch.L))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the validation scores with the weights they are of."""
        scores = self.trainer.callback_metrics
        checkpoint["val"] = {
            name.removeprefix("val/"): float(value)
            for name, value in scores.items()
            if name.startswith("val/")
        }

    def configure_optimizers(self) -> OptimizerLRScheduler:
        groups = self.network.parameter_groups(self.optimizer_settings["lr"])
        optimizer = build(self.optimizer_settings, groups)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build(self.scheduler_settings, optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def load_colorizer(path: str | Path) -> Colorizer:
    """Read a checkpoint and build the Colorizer that it describes; errors are those of both."""
    return build_colorizer(read_checkpoint(path), path)


def build_colorizer(checkpoint: Mapping[str, Any], path: str | Path) -> Colorizer:
    """Build the Colorizer that a checkpoint describes; errors are those of :func:`restored`."""
    settings = checkpoint["hyper_parameters"]
    return restored(lambda: Colorizer(**settings), checkpoint["state_dict"], path)
