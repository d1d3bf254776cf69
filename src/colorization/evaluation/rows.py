"""The rows of the tables: networks, with and without hints, and the baselines they must beat."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from colorization.color import LabBatch
from colorization.evaluation.datasets import Track, to_lightnesses
from colorization.evaluation.models import EvaluatedModel, TrainingSet, list_training_sets
from colorization.files.painting import upsampled
from colorization.hints.propagate import suggest_places
from colorization.hints.simulate import draw_spots
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.models.backends import check_finite
from colorization.models.hardware import Hardware
from colorization.models.predictor import Coloring
from colorization.models.torch_model import TorchModel
from colorization.networks.resize import predict_at_size, reduce_to_output

GRAY = "gray"
OWN_MEAN = "best constant"
TRUTH = "truth"

AT_RANDOM = "at random"
SUGGESTED = "suggested"
SPOT_SIZE = 5  # px, the side of a spot
ONE_BY_ONE = 5  # spots that are suggested one at a time; more are suggested together


class Spots(NamedTuple):
    """The hints that a row gets: of which model, how spots are placed, and how many there are."""

    label: str
    placing: str
    number: int


class Row(NamedTuple):
    """A row of the tables: a function from photographs to ab (B,2,H,W).

    ``predict`` gets the true colours too, for the controls; all others use L alone.
    """

    name: str
    predict: Callable[[LabBatch], Tensor]
    is_network: bool = False
    spots: Spots | None = None


def list_rows(
    models: Sequence[EvaluatedModel], own_mean: Tensor, hardware: Hardware, track: Track
) -> list[Row]:
    """List all rows of a track except those with hints: baselines, networks, controls.

    Args:
        models: those that are scored in the track.
        own_mean: mean ab (2,) of the scored photographs, the control of a test across domains.
        hardware: where the networks predict, and in what precision.
    """
    rows = [Row(GRAY, lambda truth: torch.zeros_like(truth.ab))]
    for model in list_training_sets(models).values():
        for name, baseline in name_baselines(model.training).items():
            rows.append(Row(name, predict_from_lightness(baseline, model.size)))
    mean = own_mean.to(hardware.device)[None, :, None, None]
    rows.append(Row(OWN_MEAN, lambda truth: mean.expand_as(truth.ab)))
    rows += [make_network_row(model, hardware, track) for model in models]
    rows += [Row(f"ceiling of {model.label}", predict_ceiling(model)) for model in models]
    return rows


def name_baselines(training: TrainingSet) -> dict[str, nn.Module]:
    """Return the baselines fitted to a training set, by the names of their rows."""
    return {
        f"{name} of {training.name}": baseline
        for name, baseline in training.baselines.items()
        if name != GRAY
    }


def make_network_row(model: EvaluatedModel, hardware: Hardware, track: Track) -> Row:
    """Make the row of a model's network; whole photographs are coloured as by ``src.colorize``."""
    if track.size is None:
        return Row(model.label, predict_as_colorize(model, hardware), is_network=True)

    def predict(L: Tensor) -> Tensor:
        with hardware.autocast():
            ab: Tensor = model.predictor(L)
        check_finite(bool(ab.isfinite().all()), model.path)
        return ab

    return Row(model.label, predict_from_lightness(predict, model.size), is_network=True)


def predict_as_colorize(model: EvaluatedModel, hardware: Hardware) -> Callable[[LabBatch], Tensor]:
    """Predict ab as a :class:`PhotoColorizer` does, and upsample it as that does in painting."""
    colorizer = PhotoColorizer(
        TorchModel(model.predictor, {"size": model.size}, hardware, model.path)
    )

    def predict(truth: LabBatch) -> Tensor:
        lightnesses = to_lightnesses(truth.L)
        found = zip(lightnesses, colorizer.predict(lightnesses), strict=True)
        ab = np.stack([upsampled(small, *lightness.shape) for lightness, small in found])
        return torch.from_numpy(ab).to(hardware.device)

    return predict


def predict_from_lightness(
    predict: Callable[[Tensor], Tensor], size: int
) -> Callable[[LabBatch], Tensor]:
    """Predict from L alone, at a model's own size."""
    return lambda truth: predict_at_size(predict, truth.L, size)


def predict_ceiling(model: EvaluatedModel) -> Callable[[LabBatch], Tensor]:
    """Return the true ab, reduced to the resolution of a network's output."""
    limit = partial(reduce_to_output, upsampling=model.predictor.network.upsampling)
    return lambda truth: predict_at_size(limit, truth.ab, model.size)


def make_hint_rows(model: EvaluatedModel, counts: Sequence[int], hardware: Hardware) -> list[Row]:
    """Make a row for each number of spots above 0 and each way of placing them."""
    rows = []
    for placing in (AT_RANDOM, SUGGESTED):
        curve = HintCurve(model, placing, sorted(set(counts) - {0}), hardware)
        for count in curve.counts:
            name = f"{model.label}, {count} spots {placing}"
            hints = Spots(model.label, placing, count)
            rows.append(Row(name, partial(curve.predict, count), is_network=True, spots=hints))
    return rows


class HintCurve:
    """Predictions of a model at its own size, with more and more spots of the true colours.

    The predictions of one batch are computed together for all numbers of spots.
    """

    def __init__(
        self, model: EvaluatedModel, placing: str, counts: Sequence[int], hardware: Hardware
    ) -> None:
        self.model = model
        self.place = self.place_at_random if placing == AT_RANDOM else self.place_as_suggested
        self.counts = counts
        self.hardware = hardware
        self.truth: LabBatch | None = None
        self.views: list[Tensor] = []  # raw output for it, which hints do not change
        self.found: dict[int, Tensor] = {}

    def predict(self, count: int, truth: LabBatch) -> Tensor:
        """Predict ab (B,2,H,W) with ``count`` spots of the true colours."""
        if self.truth is not truth:
            with self.hardware.autocast():
                self.views = self.model.predictor.raw_views(truth.L)
            self.found = {p.shape[1]: self.color(truth, p).ab for p in self.place(truth)}
            self.truth, self.views = truth, []
        return self.found[count]

    def color(self, truth: LabBatch, places: Tensor) -> Coloring:
        """Predict with spots at places (B,N,2)."""
        hints = draw_spots(truth.ab, places, SPOT_SIZE) if places.shape[1] else None
        with self.hardware.autocast():
            return self.model.predictor.read(self.views, truth.L, hints)

    def place_at_random(self, truth: LabBatch) -> Iterator[Tensor]:
        """Draw places (B,N,2) for each number, seeded by each photograph's own lightness."""
        size = torch.tensor(truth.L.shape[-2:])
        drawn = []
        for L in truth.L.cpu():
            random = torch.Generator().manual_seed(int(L.round().long().sum()))
            drawn.append((torch.rand((self.counts[-1], 2), generator=random) * size).long())
        places = torch.stack(drawn).to(truth.L.device)
        return (places[:, :count] for count in self.counts)

    def place_as_suggested(self, truth: LabBatch) -> Iterator[Tensor]:
        """Choose places (B,N,2) for each number, where the model is least sure so far."""
        places = torch.zeros(len(truth.L), 0, 2, dtype=torch.long, device=truth.L.device)
        for count in self.counts:
            while (there := places.shape[1]) < count:
                more = 1 if there < ONE_BY_ONE else count - there
                ab, uncertainty = self.color(truth, places)
                hints = draw_spots(truth.ab, places, SPOT_SIZE)
                asked = suggest_places(truth.L, ab, uncertainty, hints, more)
                places = torch.cat([places, asked], dim=1)
            yield places
