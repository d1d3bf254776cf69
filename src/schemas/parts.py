"""What a training is put together of: the choices of each config group.

A config group's ``_target_`` names what :func:`src.config.build` makes of it; only targets that a
schema names can be built, so a checkpoint that somebody sent cannot name code of its own.
"""

from dataclasses import dataclass, fields

from src.errors import InputError
from src.limits import above_zero, at_least, at_most, one_of

MAX_SIZE = 4096  # px
MAX_COUNT = 100_000  # pictures in memory
MAX_SEED = 2**32 - 1
MAX_WEIGHT = 1e6  # of a term of the loss


@dataclass(kw_only=True)
class Target:
    """A config group whose choice is built into an object."""

    _target_: str


@dataclass(kw_only=True)
class Synthetic(Target):
    _target_: str = "src.data.synthetic.SyntheticScenes"
    name: str
    size: int
    train: int
    val: int
    test: int
    seed: int

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8, train=1, val=1, test=1, seed=0)
        at_most("dataset", self, size=MAX_SIZE, train=MAX_COUNT, val=MAX_COUNT, test=MAX_COUNT)
        at_most("dataset", self, seed=MAX_SEED)


@dataclass(kw_only=True)
class Photographs(Target):
    """Photographs on disk; a count of null means a tenth for val and test, the rest for train."""

    name: str
    root: str
    size: int
    train: int | None
    val: int | None
    test: int | None
    split_seed: int
    max_pixels: int

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8, train=1, val=1, test=1, split_seed=0, max_pixels=1)
        at_most("dataset", self, size=MAX_SIZE)


@dataclass(kw_only=True)
class Folder(Photographs):
    _target_: str = "src.data.folders.PhotographFolder"


@dataclass(kw_only=True)
class Faces(Photographs):
    _target_: str = "src.data.sources.Faces"


@dataclass(kw_only=True)
class Dogs(Photographs):
    _target_: str = "src.data.sources.StanfordDogs"


@dataclass(kw_only=True)
class Mixed(Target):
    _target_: str = "src.data.mixed.MixedDataset"
    name: str
    size: int
    parts: dict[str, Photographs]

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8)
        at_most("dataset", self, size=MAX_SIZE)
        if not self.parts:
            raise InputError("dataset.parts must not be empty")


@dataclass(kw_only=True)
class Augmentation(Target):
    _target_: str = "src.data.augmentation.Augmentation"
    flip_horizontal: float
    flip_vertical: float
    rotation: float
    shift: float
    zoom: float
    brightness: float
    contrast: float
    border: str

    def __post_init__(self) -> None:
        names = ("flip_horizontal", "flip_vertical", "shift", "zoom", "brightness", "contrast")
        at_least("augmentation", self, rotation=0, **dict.fromkeys(names, 0))
        at_most("augmentation", self, rotation=180, **dict.fromkeys(names, 1))
        one_of("augmentation.border", self.border, ("border", "reflection", "zeros"))


@dataclass(kw_only=True)
class PaperNetwork(Target):
    _target_: str = "src.networks.paper.PaperNetwork"
    activation: str


@dataclass(kw_only=True)
class Encoder:
    """Of a network that takes one: what :class:`src.networks.pretrained.PretrainedEncoder` does."""

    name: str
    weights: str
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
    colorizer: str | None

    def __post_init__(self) -> None:
        at_least("amplifier", self, width=1, weight=0)
        at_most("amplifier", self, width=512, weight=MAX_WEIGHT)


@dataclass(kw_only=True)
class FeatureDistance(Target):
    _target_: str = "src.objectives.terms.FeatureDistance"
    weight: float
    classifier: str
    weights: str

    def __post_init__(self) -> None:
        above_zero("perceptual", self, "weight")
        at_most("perceptual", self, weight=MAX_WEIGHT)


@dataclass(kw_only=True)
class PatchAdversary(Target):
    _target_: str = "src.objectives.adversary.PatchAdversary"
    weight: float
    begin: float
    width: int

    def __post_init__(self) -> None:
        above_zero("adversary", self, "weight")
        at_least("adversary", self, begin=0, width=1)
        at_most("adversary", self, weight=MAX_WEIGHT, width=512)
        if not self.begin < 1:
            raise InputError(f"adversary.begin is {self.begin}; it must be 0 to below 1")


@dataclass(kw_only=True)
class Optimizer(Target):
    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        above_zero("optimizer", self, "lr")
        at_least("optimizer", self, weight_decay=0)
        at_most("optimizer", self, weight_decay=1)


@dataclass(kw_only=True)
class RMSprop(Optimizer):
    _target_: str = "torch.optim.RMSprop"
    alpha: float
    eps: float
    momentum: float

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer", self, alpha=0, eps=0, momentum=0)
        at_most("optimizer", self, alpha=1, eps=1, momentum=1)


@dataclass(kw_only=True)
class AdamW(Optimizer):
    _target_: str = "torch.optim.AdamW"
    betas: tuple[float, float]
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer", self, eps=0)
        at_most("optimizer", self, eps=1)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"optimizer.betas is {self.betas}; it must be two, 0 to below 1")


@dataclass(kw_only=True)
class Constant(Target):
    _target_: str = "src.schedules.constant"


@dataclass(kw_only=True)
class Cosine(Target):
    _target_: str = "src.schedules.cosine"
    final: float

    def __post_init__(self) -> None:
        at_least("scheduler", self, final=0)
        at_most("scheduler", self, final=1)


@dataclass(kw_only=True)
class OneCycle(Target):
    _target_: str = "src.schedules.one_cycle"
    warmup: float

    def __post_init__(self) -> None:
        at_least("scheduler", self, warmup=0)
        at_most("scheduler", self, warmup=1)


SCHEMAS: dict[str, dict[str, type[Target]]] = {
    "dataset": {
        "synthetic": Synthetic,
        "folder": Folder,
        "faces": Faces,
        "dogs": Dogs,
        "mixed": Mixed,
    },
    "augmentation": {"augmentation": Augmentation},
    "network": {"paper": PaperNetwork, "fusion": FusionNetwork, "unet": UNet},
    "objective": {"mse": MeanSquaredError, "huber": Huber, "bins": ColorBins},
    "guidance": {"hints": SimulatedHints},
    "amplifier": {"residual": Amplifier},
    "perceptual": {"features": FeatureDistance},
    "adversary": {"patch": PatchAdversary},
    "optimizer": {"rmsprop": RMSprop, "adamw": AdamW},
    "scheduler": {"none": Constant, "cosine": Cosine, "onecycle": OneCycle},
}


def schema_target(schema: type[Target]) -> str:
    """The ``_target_`` that a schema names."""
    (found,) = (field for field in fields(schema) if field.name == "_target_")
    return str(found.default)


TARGETS = frozenset(
    schema_target(schema) for schemas in SCHEMAS.values() for schema in schemas.values()
)
