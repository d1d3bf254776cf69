"""The LightningModule: network, objective, optimizer, schedule and metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor

from src.color import LabBatch, scale_lightness
from src.config import build
from src.errors import InputError
from src.metrics import color_metrics, paired

DATA = "ColorDataModule"  # where Lightning puts that one's state in a checkpoint


class Colorizer(pl.LightningModule):
    """Predicts a and b from L.

    Every argument is a plain dict with the ``_target_`` and the settings of one part, so that a
    checkpoint holds primitives and tensors only.

    Args:
        network: scaled L (B,1,H,W) to raw output.
        objective: raw output to ab, and the loss.
        optimizer: of the network's parameters.
        scheduler: of the learning rate, over the run's steps.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        objective: Mapping[str, Any],
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = build(network)
        self.objective = build(objective)
        self.optimizer_settings = optimizer
        self.scheduler_settings = scheduler
        self.val_metrics = color_metrics("val/")
        self.test_metrics = color_metrics("test/")

    def forward(self, L: Tensor) -> Tensor:
        """L (B,1,H,W) in 0..100 to ab (B,2,H,W) in CIE units, float32."""
        ab: Tensor = self.objective.decode(self.network(scale_lightness(L)))
        return ab

    def training_step(self, batch: LabBatch, batch_idx: int) -> Tensor:
        loss: Tensor = self.objective(self.network(scale_lightness(batch.L)), batch.ab)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.L))
        return loss

    def validation_step(self, batch: LabBatch, batch_idx: int) -> None:
        raw = self.network(scale_lightness(batch.L))
        self.log("val/loss", self.objective(raw, batch.ab), batch_size=len(batch.L))
        self.val_metrics.update(paired(self.objective.decode(raw), batch))
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
        optimizer = build(self.optimizer_settings, self.network.parameters())
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build(self.scheduler_settings, optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of primitives and tensors; nothing in it is run.

    Raises:
        InputError: if there is none, or it is not a whole checkpoint of a Colorizer.
    """
    if not Path(path).is_file():
        raise InputError(f"no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can raise anything
        raise InputError(
            f"{path} is not a readable checkpoint: it is damaged or not ours"
        ) from error
    parts = ("state_dict", "epoch", "val", "hyper_parameters", "datamodule_hyper_parameters", DATA)
    if not isinstance(checkpoint, dict) or any(part not in checkpoint for part in parts):
        raise InputError(f"{path} is not a checkpoint of src.train")
    return checkpoint


def load_colorizer(path: str | Path) -> Colorizer:
    """Read a checkpoint and build the Colorizer that it describes; errors are those of both."""
    return build_colorizer(read_checkpoint(path), path)


def build_colorizer(checkpoint: Mapping[str, Any], path: str | Path) -> Colorizer:
    """Build the Colorizer that a checkpoint describes, with its weights, in evaluation mode.

    Raises:
        InputError: naming ``path``, if the checkpoint names something this project does not build,
            or its weights are of another architecture.
    """
    try:
        colorizer = Colorizer(**checkpoint["hyper_parameters"])
        colorizer.load_state_dict(checkpoint["state_dict"])
    except (TypeError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is of another architecture: {error}") from error
    return colorizer.eval()
