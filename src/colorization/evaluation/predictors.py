"""The rows of the tables: networks, and what they have to beat."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from colorization.color import LabBatch
from colorization.evaluation.datasets import Track, lightnesses_of
from colorization.evaluation.models import Model, TrainingSet
from colorization.files.painting import upsampled
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.models.backends import check_finite
from colorization.models.hardware import Hardware
from colorization.models.torch_model import TorchModel
from colorization.networks.resize import at_output_resolution, at_own_size

GRAY = "gray"
OWN_MEAN = "best constant"
TRUTH = "truth"


class Hinted(NamedTuple):
    """What a row of the curves is: of which model, how spots are placed, and how many there are."""

    label: str
    placing: str
    number: int


class Predictor(NamedTuple):
    """A row of the tables: ab (B,2,H,W) of photographs, most of which look at L alone."""

    name: str
    predict: Callable[[LabBatch], Tensor]
    model: Model | None = None  # whose network it is
    hinted: Hinted | None = None


def predictors(
    models: Sequence[Model], own_mean: Tensor, hardware: Hardware, track: Track
) -> list[Predictor]:
    """Everything that is scored on a dataset, by rows: trivial ones, networks, controls.

    Args:
        models: all of them in one track.
        own_mean: mean ab (2,) of the photographs themselves, the control of a test across domains.
        hardware: where the networks predict, and in what precision.
    """
    rows = [Predictor(GRAY, lambda truth: torch.zeros_like(truth.ab))]
    for model in {model.training.name: model for model in models}.values():
        for name, baseline in fitted_rows(model.training).items():
            rows.append(Predictor(name, from_lightness(baseline, model.size)))
    mean = own_mean.to(hardware.device)[None, :, None, None]
    rows.append(Predictor(OWN_MEAN, lambda truth: mean.expand_as(truth.ab)))
    rows += [network_row(model, hardware, track) for model in models]
    rows += [Predictor(f"ceiling of {m.label}", ceiling(m)) for m in models]
    return rows


def fitted_rows(training: TrainingSet) -> dict[str, nn.Module]:
    """The baselines that are fitted to a training set, by the names of their rows."""
    return {
        f"{name} of {training.name}": baseline
        for name, baseline in training.baselines.items()
        if name != GRAY
    }


def network_row(model: Model, hardware: Hardware, track: Track) -> Predictor:
    """The row of a model's network: of whole photographs what ``src.colorize`` predicts."""
    if track.size is None:
        return Predictor(model.label, as_colorized(model, hardware), model)
    return Predictor(model.label, from_lightness(in_precision(model, hardware), model.size), model)


def as_colorized(model: Model, hardware: Hardware) -> Callable[[LabBatch], Tensor]:
    """Predict ab as a :class:`PhotoColorizer` does, and upsample it as that does in painting."""
    about = {"size": model.size}
    colorizer = PhotoColorizer(TorchModel(model.colorizer, about, hardware, model.path))

    def predict(truth: LabBatch) -> Tensor:
        lightnesses = lightnesses_of(truth.L)
        found = zip(lightnesses, colorizer.predict(lightnesses), strict=True)
        ab = np.stack([upsampled(small, *lightness.shape) for lightness, small in found])
        return torch.from_numpy(ab).to(hardware.device)

    return predict


def from_lightness(predict: Callable[[Tensor], Tensor], size: int) -> Callable[[LabBatch], Tensor]:
    """Predict at the model's own size, from nothing but L."""
    return lambda truth: at_own_size(predict, truth.L, size)


def in_precision(model: Model, hardware: Hardware) -> Callable[[Tensor], Tensor]:
    def predict(L: Tensor) -> Tensor:
        with hardware.autocast():
            ab: Tensor = model.colorizer(L)
        check_finite(bool(ab.isfinite().all()), model.path)
        return ab

    return predict


def ceiling(model: Model) -> Callable[[LabBatch], Tensor]:
    """The true ab at the resolution in which a model's network gives it."""
    network = model.colorizer.network

    def limit(ab: Tensor) -> Tensor:
        return at_output_resolution(ab, network.upsampling)

    return lambda truth: at_own_size(limit, truth.ab, model.size)
