"""The LightningModule: network, objective, optimizer, schedule and metrics."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor

from src.color import LabBatch, scale_lightness
from src.config import build
from src.errors import InputError
from src.metrics import FINAL, color_metrics, paired
from src.networks.base import ColorNetwork
from src.objectives.base import Objective
from src.objectives.bins import ColorBins

DATA = "ColorDataModule"  # where Lightning puts that one's state in a checkpoint


class Coloring(NamedTuple):
    """ab (B,2,H,W) in CIE units, float32; uncertainty (B,1,H,W), 0 to 1, where that is known."""

    ab: Tensor
    uncertainty: Tensor | None


class Colorizer(pl.LightningModule):
    """Predicts a and b from L.

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
        super().__init__()
        self.save_hyperparameters()
        self.objective: Objective = build(objective)
        self.network: ColorNetwork = build(network, channels=self.objective.channels)
        self.optimizer_settings = optimizer
        self.scheduler_settings = scheduler
        self.flip_average = flip_average
        self.val_metrics = color_metrics("val/")
        self.test_metrics = color_metrics("test/", FINAL)

    def start(self, batches: Iterable[LabBatch]) -> None:
        """Make ready for a new training on a training set's photographs."""
        self.network.start(self.objective.start(batch.ab for batch in batches))

    def forward(self, L: Tensor) -> Tensor:
        """L (B,1,H,W) in 0..100 to ab (B,2,H,W) in CIE units, float32."""
        return self.ab(self.raw_views(L), L)

    def predict(self, L: Tensor) -> Coloring:
        """Colour L (B,1,H,W) in 0..100, and say how unsure that is if the objective can."""
        views = self.raw_views(L)
        known = [self.objective.uncertainty(raw) for raw in views]
        uncertainty = [values for values in known if values is not None]
        return Coloring(self.ab(views, L), self.merged(uncertainty, L) if uncertainty else None)

    def decode_otherwise(self, flip_average: bool | None, temperature: float | None) -> None:
        """Predict otherwise than it was trained to; None leaves that as it is.

        Raises:
            InputError: for a temperature, where the objective is not colour bins.
        """
        if flip_average is not None:
            self.flip_average = self.hparams["flip_average"] = flip_average
        if temperature is not None:
            if not isinstance(self.objective, ColorBins):
                raise InputError("temperature is of colour bins, which this model does not predict")
            self.objective.temperature = temperature
            self.hparams["objective"] |= {"temperature": temperature}

    def raw_views(self, L: Tensor) -> list[Tensor]:
        """Raw output for L, and for its mirror image if both are averaged."""
        views = [L, L.flip(-1)] if self.flip_average else [L]
        return [self.network(scale_lightness(view)) for view in views]

    def ab(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """What raw output says of the colours of L."""
        return self.merged([self.objective.decode(raw) for raw in views], L)

    def merged(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """The mean of what was read from each view, at the resolution of L."""
        size = (L.shape[-2], L.shape[-1])
        first, *mirrored = (self.network.upsampling(view, size) for view in views)
        return (first + mirrored[0].flip(-1)) / 2 if mirrored else first

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
    except InputError as error:
        raise InputError(f"{path} cannot be built: {error}") from error
    except (TypeError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is of another architecture: {error}") from error
    return colorizer.eval()
