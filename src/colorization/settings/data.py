"""Settings of what is learned from: datasets, and how their photographs are changed."""

from dataclasses import dataclass, field

from colorization.errors import InputError
from colorization.settings.limits import FOLDER_NAME, one_of, within
from colorization.settings.target import (
    COUNT,
    FILES,
    PIXELS,
    SEED,
    SHARE,
    SIZE,
    PathText,
    Target,
    Text,
)


@dataclass(kw_only=True)
class Dataset(Target):
    name: Text = field(metadata=FOLDER_NAME)
    size: int = field(metadata=SIZE)


@dataclass(kw_only=True)
class Synthetic(Dataset):
    _target_: str = "colorization.data.synthetic.SyntheticScenes"
    train: int = field(metadata=COUNT)
    val: int = field(metadata=COUNT)
    test: int = field(metadata=COUNT)
    seed: int = field(metadata=SEED)


@dataclass(kw_only=True)
class Photographs(Dataset):
    """Photographs on disk, and how they are read and split.

    A count of null means a tenth for val and test, the rest for train.
    """

    root: PathText
    train: int | None = field(metadata=FILES)
    val: int | None = field(metadata=FILES)
    test: int | None = field(metadata=FILES)
    split_seed: int = field(metadata=SEED)
    max_pixels: int = field(metadata=PIXELS)


@dataclass(kw_only=True)
class Folder(Photographs):
    _target_: str = "colorization.data.folders.PhotographFolder"


@dataclass(kw_only=True)
class Faces(Photographs):
    _target_: str = "colorization.data.sources.Faces"


@dataclass(kw_only=True)
class Dogs(Photographs):
    _target_: str = "colorization.data.sources.StanfordDogs"


@dataclass(kw_only=True)
class Mixed(Dataset):
    _target_: str = "colorization.data.folders.MixedDataset"
    parts: dict[str, Photographs]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("dataset.parts must not be empty")


@dataclass(kw_only=True)
class Augmentation(Target):
    _target_: str = "colorization.data.augmentation.Augmentation"
    flip_horizontal: float = field(metadata=SHARE)
    flip_vertical: float = field(metadata=SHARE)
    rotation: float = field(metadata=within(0, 180))
    shift: float = field(metadata=SHARE)
    zoom: float = field(metadata=within(0, 0.9))
    brightness: float = field(metadata=SHARE)
    contrast: float = field(metadata=SHARE)
    border: str = field(metadata=one_of("border", "reflection", "zeros"))
