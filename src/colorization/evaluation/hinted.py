"""Rows of a model that is told some true colours: at random places, or where it asks for them."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from colorization.color import LabBatch
from colorization.evaluation.models import Model
from colorization.evaluation.predictors import Hinted, Predictor
from colorization.hints.propagate import suggest_places
from colorization.hints.simulate import draw_spots
from colorization.models.hardware import Hardware
from colorization.models.predictor import Coloring

SIZE = 5  # px, the side of a spot
AT_RANDOM = "at random"
SUGGESTED = "suggested"
ONE_BY_ONE = 5  # spots; those up to the next number of them are suggested together


def hinted_rows(model: Model, counts: Sequence[int], hardware: Hardware) -> list[Predictor]:
    """Rows for each number of spots above 0, placed either way."""
    rows = []
    for placing in (AT_RANDOM, SUGGESTED):
        curve = Curve(model, placing, sorted(set(counts) - {0}), hardware)
        for count in curve.counts:
            name = f"{model.label}, {count} spots {placing}"
            predict = partial(curve.predict, count)
            rows.append(Predictor(name, predict, model, Hinted(model.label, placing, count)))
    return rows


class Curve:
    """What a model predicts of photographs at its own size, with more and more spots.

    Each number's predictions for one batch are worked out together.
    """

    def __init__(
        self, model: Model, placing: str, counts: Sequence[int], hardware: Hardware
    ) -> None:
        self.model = model
        self.placing = placing
        self.counts = counts
        self.hardware = hardware
        self.truth: LabBatch | None = None
        self.found: dict[int, Tensor] = {}

    def predict(self, count: int, truth: LabBatch) -> Tensor:
        """ab (B,2,H,W) with so many spots of the true colours."""
        if self.truth is not truth:
            places = self.at_random(truth) if self.placing == AT_RANDOM else self.asked(truth)
            self.found = {part.shape[1]: self.color(truth, part).ab for part in places}
            self.truth = truth
        return self.found[count]

    def color(self, truth: LabBatch, places: Tensor) -> Coloring:
        """What is predicted with spots at places (B,N,2), and how unsure it is."""
        hints = draw_spots(truth.ab, places, SIZE) if places.shape[1] else None
        with self.hardware.autocast():
            return self.model.colorizer.predict(truth.L, hints)

    def at_random(self, truth: LabBatch) -> Iterator[Tensor]:
        """Places (B,N,2) for each number, drawn by each photograph's own lightness."""
        height, width = truth.L.shape[-2:]
        drawn = []
        for L in truth.L.cpu():
            random = torch.Generator().manual_seed(int(L.round().long().sum()))
            shape = (self.counts[-1], 2)
            share = torch.rand(shape, generator=random)
            drawn.append((share * torch.tensor([height, width])).long())
        places = torch.stack(drawn).to(truth.L.device)
        return (places[:, :count] for count in self.counts)

    def asked(self, truth: LabBatch) -> Iterator[Tensor]:
        """Places (B,N,2) for each number, each where the model is least sure with those before."""
        places = torch.zeros(len(truth.L), 0, 2, dtype=torch.long, device=truth.L.device)
        for count in self.counts:
            while (there := places.shape[1]) < count:
                more = 1 if there < ONE_BY_ONE else count - there
                ab, uncertainty = self.color(truth, places)
                hints = draw_spots(truth.ab, places, SIZE)
                asked = suggest_places(truth.L, ab, uncertainty, hints, more)
                places = torch.cat([places, asked], dim=1)
            yield places
