"""From L to ab: a network, and the objective that gives meaning to its output."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

from src.color import scale_lightness
from src.config import build
from src.errors import InputError
from src.networks.amplifier import Amplifier
from src.networks.base import ColorNetwork
from src.objectives.base import Objective
from src.objectives.bins import ColorBins

Model = TypeVar("Model", bound=nn.Module)


PARTS = ("network", "objective", "amplifier")
"""Of a predictor, with weights."""
SETTINGS = (*PARTS, "flip_average", "strength")
"""Of a predictor."""


class Coloring(NamedTuple):
    """ab (B,2,H,W) in CIE units, float32; uncertainty (B,1,H,W), 0 to 1, where that is known."""

    ab: Tensor
    uncertainty: Tensor | None


class Predictor(nn.Module):
    """Predicts a and b from L.

    Args:
        network: settings of what takes scaled L (B,1,H,W) to raw output, with their ``_target_``.
        objective: of what takes raw output to ab.
        flip_average: whether a prediction is the mean over a photograph and its mirror image.
        strength: how much stronger than predicted colours are; see :func:`strengthened`.
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
        """Of network and amplifier, also what is not trained."""
        parts = (self.network, self.amplifier)
        return sum(weight.numel() for part in parts if part for weight in part.parameters())

    def forward(self, L: Tensor) -> Tensor:
        """L (B,1,H,W) in 0..100 to ab (B,2,H,W) in CIE units, float32."""
        return self.ab(self.raw_views(L), L)

    def predict(self, L: Tensor) -> Coloring:
        """Colour L (B,1,H,W) in 0..100, and say how unsure that is if the objective can."""
        views = self.raw_views(L)
        known = [self.objective.uncertainty(raw) for raw in views]
        uncertainty = [values for values in known if values is not None]
        return Coloring(self.ab(views, L), self.merged(uncertainty, L) if uncertainty else None)

    def decode_otherwise(
        self,
        flip_average: bool | None = None,
        temperature: float | None = None,
        strength: float | None = None,
    ) -> None:
        """Predict otherwise than it was trained to; None leaves that as it is.

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
        """Raw output for L, and for its mirror image if both are averaged."""
        views = [L, L.flip(-1)] if self.flip_average else [L]
        return [self.network(scale_lightness(view)) for view in views]

    def ab(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """What raw output says of the colours of L."""
        ab = self.merged([self.objective.decode(raw) for raw in views], L)
        if self.amplifier:
            ab = self.amplifier(L, ab)
        return strengthened(ab, self.strength) if self.strength else ab

    def merged(self, views: Sequence[Tensor], L: Tensor) -> Tensor:
        """The mean of what was read from each view, at the resolution of L."""
        size = (L.shape[-2], L.shape[-1])
        first, *mirrored = (self.network.upsampling(view, size) for view in views)
        return (first + mirrored[0].flip(-1)) / 2 if mirrored else first


def strengthened(ab: Tensor, strength: float) -> Tensor:
    """ab (B,2,H,W), stronger: differences to its mean colour by ``strength``, that by half of it.

    0 leaves it as it is, 1 doubles the differences.
    """
    mean = ab.mean(dim=(2, 3), keepdim=True)
    return (1 + strength) * (ab - mean) + (1 + strength / 2) * mean


def predictor_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of a training's weights, those that predict."""
    return {name: value for name, value in weights.items() if name.partition(".")[0] in PARTS}


def restored(make: Callable[[], Model], weights: Mapping[str, Tensor], path: str | Path) -> Model:
    """What ``make`` makes, with weights, in evaluation mode.

    Raises:
        InputError: naming ``path``, if that names something this project does not build, or the
            weights are of another architecture.
    """
    try:
        model = make()
        model.load_state_dict(weights)
    except InputError as error:
        raise InputError(f"{path} cannot be built: {error}") from error
    except (TypeError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is of another architecture: {error}") from error
    return model.eval()
