"""Predict ab from L with a network and the objective that decodes its output."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from colorization.color import chroma, scale_lightness
from colorization.errors import InputError
from colorization.hints.propagate import correct_colors
from colorization.networks.amplifier import REACH, Amplifier
from colorization.networks.base import ColorNetwork
from colorization.objectives.base import Objective
from colorization.objectives.bins import ColorBins
from colorization.settings.compose import build

Model = TypeVar("Model", bound=nn.Module)


PARTS = ("network", "objective", "amplifier")
"""Of a predictor, with weights."""
SETTINGS = (*PARTS, "flip_average", "strength")
"""Of a predictor."""


class Coloring(NamedTuple):
    """ab (B,2,H,W) and how unsure that is (B,1,H,W), both in CIE units, float32."""

    ab: Tensor
    uncertainty: Tensor


class Predictor(nn.Module):
    """Predicts a and b from L, and from the colours that a user gives.

    Args:
        network: settings of what takes scaled L to raw output, with their ``_target_``.
        objective: of what takes raw output to ab.
        flip_average: whether a prediction is the mean over a photograph and its mirror image.
        strength: how much stronger than predicted colours are; see :func:`strengthen`.
        amplifier: settings of what corrects the coloured photograph, if anything does.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        objective: Mapping[str, Any],
        flip_average: bool,
        strength: float = 0.0,
        amplifier: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.objective: Objective = build(objective)
        self.network: ColorNetwork = build(network, channels=self.objective.channels)
        self.amplifier: Amplifier | None = build(amplifier) if amplifier else None
        self.flip_average = flip_average
        self.strength = strength

    @property
    def parameter_count(self) -> int:
        """Number of weights of network and amplifier, a frozen encoder's included."""
        parts = (self.network, self.amplifier)
        return sum(weight.numel() for part in parts if part for weight in part.parameters())

    def forward(self, L: Tensor, hints: Tensor | None = None, saturation: float = 1) -> Tensor:
        """L (B,1,H,W) in 0..100, and hints (B,3,H,W), to ab (B,2,H,W) in CIE units, float32.

        Hints correct what is predicted. ``saturation`` is a factor of that, not of hints.
        """
        ab = self.ab(self.raw_views(L), L) * saturation
        return ab if hints is None else correct_colors(L, ab, hints)

    def predict(self, L: Tensor, hints: Tensor | None = None) -> Coloring:
        """Predict as :meth:`forward`, with the uncertainty.

        Without one from the objective, it is how much a photograph and its mirror image differ.
        """
        return self.read(self.raw_views(L), L, hints)

    def read(
        self, views: list[Tensor], L: Tensor, hints: Tensor | None = None, saturation: float = 1
    ) -> Coloring:
        """Predict as :meth:`predict`, from raw output; ``saturation`` is as for :meth:`forward`."""
        known = [self.objective.uncertainty(raw) for raw in views]
        said = [values for values in known if values is not None]
        unsure = self.average_views(said, L) if said else self.disagreement(L, views)
        ab = self.ab(views, L) * saturation
        return Coloring(ab if hints is None else correct_colors(L, ab, hints), unsure)

    def disagreement(self, L: Tensor, views: list[Tensor]) -> Tensor:
        """Return half the distance in ab between a photograph and its mirror image, (B,1,H,W)."""
        if not self.flip_average:
            views = [*views, self.network(scale_lightness(L).flip(-1))]
        one, other = (self.average_views([self.objective.decode(view)], L) for view in views)
        return chroma((one - other.flip(-1)) / 2)[:, None]

    def likely(self, views: list[Tensor], L: Tensor, row: int, column: int) -> Tensor:
        """Return the likeliest colours (N,2) of a pixel, CIE units, the likeliest first.

        They are what would be predicted there if the network were sure of each: amplified and
        strengthened as the prediction is.

        Args:
            views: raw output for one photograph.
            L: of that, (1,1,H,W).
        """
        stride = self.network.upsampling.stride
        places = zip(views, (column, L.shape[-1] - 1 - column), strict=False)
        raw = [view[0, :, row // stride, at // stride] for view, at in places]
        colors = self.objective.likely(torch.stack(raw))
        ab = self.decode_views(views, L)
        if self.amplifier:
            rows, columns = (slice(max(0, at - REACH), at + REACH + 1) for at in (row, column))
            moved = ab[..., rows, columns] + (colors - ab[0, :, row, column])[..., None, None]
            near = L[..., rows, columns].expand(len(colors), -1, -1, -1)
            colors = self.amplifier(near, moved)[..., row - rows.start, column - columns.start]
            ab = self.amplifier(L, ab)
        return strengthen(colors, self.strength, ab.mean(dim=(2, 3)))

    def set_decoding(
        self,
        *,
        flip_average: bool | None = None,
        temperature: float | None = None,
        strength: float | None = None,
    ) -> None:
        """Change settings of decoding; None leaves one as it was trained.

        Raises:
            InputError: for a temperature, where the objective is not colour bins.
        """
        if flip_average is not None:
            self.flip_average = flip_average
        if strength is not None:
            self.strength = strength
        if temperature is not None:
            if not isinstance(self.objective, ColorBins):
                raise InputError("temperature is of colour bins, which this model does not predict")
            self.objective.temperature = temperature

    def raw_views(self, L: Tensor) -> list[Tensor]:
        """Return the raw output for L, and for its mirror image if both are averaged."""
        view = scale_lightness(L)
        views = [view, view.flip(-1)] if self.flip_average else [view]
        return [self.network(view) for view in views]

    def ab(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """Decode raw output to ab (B,2,H,W), amplified and strengthened."""
        ab = self.decode_views(views, L)
        if self.amplifier:
            ab = self.amplifier(L, ab)
        return strengthen(ab, self.strength) if self.strength else ab

    def decode_views(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """Decode raw output to ab (B,2,H,W), neither amplified nor strengthened."""
        return self.average_views([self.objective.decode(raw) for raw in views], L)

    def average_views(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """Return the mean of the views' values, at the resolution of L."""
        size = (L.shape[-2], L.shape[-1])
        first, *mirrored = (self.network.upsampling(view, size) for view in views)
        return (first + mirrored[0].flip(-1)) / 2 if mirrored else first


def strengthen(ab: Tensor, strength: float, mean: Tensor | None = None) -> Tensor:
    """Strengthen ab: differences to a photograph's mean colour by ``strength``, that by half of it.

    0 leaves it as it is, 1 doubles the differences. Without a ``mean``, ab are whole photographs
    (B,2,H,W).
    """
    if mean is None:
        mean = ab.mean(dim=(2, 3), keepdim=True)
    return (1 + strength) * (ab - mean) + (1 + strength / 2) * mean


def select_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select the weights that predict from those of a training."""
    return {name: value for name, value in weights.items() if name.partition(".")[0] in PARTS}


def restore(make: Callable[[], Model], weights: Mapping[str, Tensor], path: str | Path) -> Model:
    """Make a model, load its weights and put it into evaluation mode.

    Raises:
        InputError: naming ``path``, if that names something this project does not build, or the
            weights are of another architecture or not finite.
    """
    if not all(value.isfinite().all() for value in select_weights(weights).values()):
        raise InputError(f"{path} has weights that are not finite; use another one")
    try:
        model = make()
        model.load_state_dict(weights)
    except InputError as error:
        raise InputError(f"{path} cannot be built: {error}") from error
    except (TypeError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is of another architecture: {error}") from error
    return model.eval()
