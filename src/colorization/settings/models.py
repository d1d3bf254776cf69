"""Settings of what predicts: networks, objectives, and what comes before and after them."""

from dataclasses import dataclass, field

from colorization.errors import InputError
from colorization.settings.limits import within
from colorization.settings.target import SHARE, TEMPERATURE, PathText, Target


@dataclass(kw_only=True)
class PaperNetwork(Target):
    _target_: str = "colorization.networks.paper.PaperNetwork"
    activation: str


@dataclass(kw_only=True)
class Encoder:
    """Of a network that takes one: what :class:`PretrainedEncoder` does."""

    name: str
    weights: PathText
    tuned: float = field(metadata=SHARE)
    lr_factor: float = field(metadata=within(0, 100))
    enlarge: int = field(metadata=within(1, 4))

    def __post_init__(self) -> None:
        if self.enlarge not in (1, 2, 4):
            raise InputError(f"network.encoder.enlarge is {self.enlarge}; it must be 1, 2 or 4")


@dataclass(kw_only=True)
class FusionNetwork(PaperNetwork):
    _target_: str = "colorization.networks.fusion.FusionNetwork"
    encoder: Encoder


@dataclass(kw_only=True)
class UNet(Target):
    _target_: str = "colorization.networks.unet.UNet"
    width: int = field(metadata=within(8, 512))
    coordinates: bool
    dropout: float = field(metadata=within(0, 0.9))
    encoder: Encoder | None = None


@dataclass(kw_only=True)
class Decoding:
    """Of a trained colorizer, what is no part of it; older checkpoints do not name all of it."""

    flip_average: bool = False
    strength: float = field(default=0.0, metadata=within(0, 10))


@dataclass(kw_only=True)
class MeanSquaredError(Target):
    _target_: str = "colorization.objectives.regression.MeanSquaredError"


@dataclass(kw_only=True)
class Huber(Target):
    _target_: str = "colorization.objectives.regression.Huber"
    delta: float = field(metadata=within(1e-6, 1e6))


@dataclass(kw_only=True)
class ColorBins(Target):
    _target_: str = "colorization.objectives.bins.ColorBins"
    grid: int = field(metadata=within(5, 50))
    temperature: float = field(metadata=TEMPERATURE)
    uniform: float = field(metadata=SHARE)


@dataclass(kw_only=True)
class SimulatedHints(Target):
    _target_: str = "colorization.hints.simulate.SimulatedHints"
    automatic: float = field(metadata=SHARE)
    mean: float = field(metadata=within(1, 100))
    strokes: float = field(metadata=SHARE)


@dataclass(kw_only=True)
class Amplifier(Target):
    _target_: str = "colorization.networks.amplifier.Amplifier"
    width: int = field(metadata=within(1, 512))
    weight: float = field(metadata=within(0, 1e6))
    colorizer: PathText | None
