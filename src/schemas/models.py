"""Settings of what predicts: networks, objectives, and what comes before and after them."""

from dataclasses import dataclass

from src.errors import InputError
from src.limits import above_zero, at_least, at_most
from src.schemas.target import MAX_WEIGHT, PathText, Target


@dataclass(kw_only=True)
class PaperNetwork(Target):
    _target_: str = "src.networks.paper.PaperNetwork"
    activation: str


@dataclass(kw_only=True)
class Encoder:
    """Of a network that takes one: what :class:`src.networks.pretrained.PretrainedEncoder` does."""

    name: str
    weights: PathText
    tuned: float
    lr_factor: float
    enlarge: int

    def __post_init__(self) -> None:
        at_least("network.encoder", self, tuned=0, lr_factor=0)
        at_most("network.encoder", self, tuned=1, lr_factor=100)
        if self.enlarge not in (1, 2, 4):
            raise InputError(f"network.encoder.enlarge is {self.enlarge}; it must be 1, 2 or 4")


@dataclass(kw_only=True)
class FusionNetwork(PaperNetwork):
    _target_: str = "src.networks.fusion.FusionNetwork"
    encoder: Encoder


@dataclass(kw_only=True)
class UNet(Target):
    _target_: str = "src.networks.unet.UNet"
    width: int
    coordinates: bool
    dropout: float
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        at_least("network", self, width=8, dropout=0)
        at_most("network", self, width=512, dropout=0.9)


@dataclass(kw_only=True)
class MeanSquaredError(Target):
    _target_: str = "src.objectives.regression.MeanSquaredError"


@dataclass(kw_only=True)
class Huber(Target):
    _target_: str = "src.objectives.regression.Huber"
    delta: float

    def __post_init__(self) -> None:
        above_zero("objective", self, "delta")


@dataclass(kw_only=True)
class ColorBins(Target):
    _target_: str = "src.objectives.bins.ColorBins"
    grid: int
    temperature: float
    uniform: float

    def __post_init__(self) -> None:
        above_zero("objective", self, "temperature")
        at_least("objective", self, grid=5, uniform=0)
        at_most("objective", self, grid=50, uniform=1)


@dataclass(kw_only=True)
class SimulatedHints(Target):
    _target_: str = "src.hints.simulated.SimulatedHints"
    automatic: float
    mean: float
    strokes: float

    def __post_init__(self) -> None:
        at_least("guidance", self, automatic=0, mean=1, strokes=0)
        at_most("guidance", self, automatic=1, mean=100, strokes=1)


@dataclass(kw_only=True)
class Amplifier(Target):
    _target_: str = "src.networks.amplifier.Amplifier"
    width: int
    weight: float
    colorizer: PathText | None

    def __post_init__(self) -> None:
        at_least("amplifier", self, width=1, weight=0)
        at_most("amplifier", self, width=512, weight=MAX_WEIGHT)
