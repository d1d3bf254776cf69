"""Settings of what is learned from: datasets, and how their photographs are changed."""

from dataclasses import dataclass

from src.errors import InputError
from src.limits import at_least, at_most, one_of
from src.schemas.target import MAX_COUNT, MAX_SEED, MAX_SIZE, PathText, Target, Text


@dataclass(kw_only=True)
class Synthetic(Target):
    _target_: str = "src.data.synthetic.SyntheticScenes"
    name: Text
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
class Splits:
    """How photographs on disk are read and split.

    A count of null means a tenth for val and test, the rest for train.
    """

    size: int
    train: int | None
    val: int | None
    test: int | None
    split_seed: int
    max_pixels: int

    def check(self, group: str) -> None:
        """Raise InputError, naming the group's setting, for one out of its limits."""
        at_least(group, self, size=8, train=1, val=1, test=1, split_seed=0, max_pixels=1)
        at_most(group, self, size=MAX_SIZE)


@dataclass(kw_only=True)
class Photographs(Splits, Target):
    """Photographs on disk."""

    name: Text
    root: PathText

    def __post_init__(self) -> None:
        self.check("dataset")


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
    name: Text
    size: int
    parts: dict[str, Photographs]

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8)
        at_most("dataset", self, size=MAX_SIZE)
        if not self.parts:
            raise InputError("dataset.parts must not be empty")


@dataclass(kw_only=True)
class Shards(Target):
    _target_: str = "src.data.shards.Shards"
    name: Text
    root: PathText
    size: int

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8)
        at_most("dataset", self, size=MAX_SIZE)


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
