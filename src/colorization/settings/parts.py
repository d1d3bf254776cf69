"""The parts of a training, one dataclass a choice of a config group.

A choice's ``_target_`` names what :func:`colorization.settings.compose.build` makes of it. Only
targets that a dataclass here names can be built, so a checkpoint from a stranger cannot name code
of its own.
"""

from dataclasses import dataclass, fields

from colorization.errors import InputError
from colorization.settings.fields import (
    BELOW_ONE,
    COUNT,
    FILES,
    FOLDER_NAME,
    PIXELS,
    SEED,
    SHARE,
    SIZE,
    TEMPERATURE,
    WEIGHT,
    PathText,
    Target,
    Text,
    one_of,
    setting,
    within,
)

# Datasets and augmentation.


@dataclass(kw_only=True)
class Dataset(Target):
    name: Text = setting(limits=FOLDER_NAME, help="names the folder of its runs")
    size: int = setting(128, SIZE, "px; the centre square is resized to it")


@dataclass(kw_only=True)
class Synthetic(Dataset):
    """Rendered scenes; nothing to download, and the best possible error is known."""

    _target_: str = "colorization.data.synthetic.SyntheticScenes"
    name: Text = setting("synthetic", FOLDER_NAME, "names the folder of its runs")
    size: int = setting(64, SIZE, "px")
    train: int = setting(128, COUNT, "scenes to train on")
    val: int = setting(32, COUNT, "scenes to validate on")
    test: int = setting(64, COUNT, "scenes to test on")
    seed: int = setting(0, SEED, "of the scenes")


@dataclass(kw_only=True)
class Photographs(Dataset):
    """Photographs on disk, and how they are read and split."""

    root: PathText = setting(help="folder of photographs")
    train: int | None = setting(None, FILES, "photographs; null is all that val and test leave")
    val: int | None = setting(None, FILES, "photographs; null is a tenth")
    test: int | None = setting(None, FILES, "photographs; null is a tenth")
    split_seed: int = setting(0, SEED, "of the split into train, val and test")
    max_pixels: int = setting(200_000_000, PIXELS, "a larger picture is refused")


@dataclass(kw_only=True)
class Folder(Photographs):
    """Any folder of photographs, at any depth."""

    _target_: str = "colorization.data.folders.PhotographFolder"
    name: Text = setting("folder", FOLDER_NAME, "names the folder of its runs")


@dataclass(kw_only=True)
class Faces(Photographs):
    """750 portraits of 128 x 128 px, fetched on first use (about 9 MB)."""

    _target_: str = "colorization.data.sources.Faces"
    name: Text = setting("faces", FOLDER_NAME, "names the folder of its runs")
    root: PathText = setting("${data_dir}/faces", help="where it lies or is fetched to")
    train: int | None = setting(200, FILES, "portraits to train on")
    val: int | None = setting(50, FILES, "portraits to validate on")
    test: int | None = setting(500, FILES, "portraits to test on")


@dataclass(kw_only=True)
class Dogs(Photographs):
    """Stanford Dogs with its official lists, fetched on first use (794 MB)."""

    _target_: str = "colorization.data.sources.StanfordDogs"
    name: Text = setting("dogs", FOLDER_NAME, "names the folder of its runs")
    root: PathText = setting("${data_dir}/dogs", help="where it lies or is fetched to")
    train: int | None = setting(400, FILES, "of the official train list")
    val: int | None = setting(100, FILES, "of the official train list")
    test: int | None = setting(None, FILES, "of the official test list; null is all")


@dataclass(kw_only=True)
class GitSource:
    """A public repository with photographs."""

    repository: Text = setting(help="on GitHub, OWNER/NAME")
    commit: Text = setting(help="40 hexadecimal digits")
    paths: Text = setting(help="regular expression of the files to take")
    pictures: int = setting(limits=COUNT, help="how many there are; with fewer it stops")
    shows: Text = setting(help="what the photographs show")
    terms: Text = setting(help="what may be done with them")
    is_open: bool = setting(False, help="whether the terms allow any use")
    most: int | None = setting(None, FILES, "photographs to keep; null is all")
    is_test: bool = setting(False, help="all of them are for testing only")


@dataclass(kw_only=True)
class Everyday(Photographs):
    """Photographs of many kinds out of public repositories, gathered by git on first use."""

    _target_: str = "colorization.data.everyday.EverydayPhotographs"
    name: Text = setting("everyday", FOLDER_NAME, "names the folder of its runs")
    root: PathText = setting("${data_dir}/everyday", help="where they lie or are gathered to")
    sources: dict[str, GitSource] = setting(help="the repositories, by the names of their folders")
    clones: PathText | None = setting(
        None, help="folder of git directories, OWNER+NAME, to read instead of the network"
    )
    avoid: list[str] = setting(
        ["${data_dir}/faces", "${data_dir}/dogs", "${data_dir}/scenes"],
        help="folders of photographs of which no near-duplicate is taken",
    )
    only_open: bool = setting(False, help="only sources whose terms allow any use")

    def __post_init__(self) -> None:
        if not self.sources:
            raise InputError("dataset.sources must not be empty")


@dataclass(kw_only=True)
class Mixed(Dataset):
    """Several datasets together, each split as it is alone."""

    _target_: str = "colorization.data.folders.MixedDataset"
    name: Text = setting("mixed", FOLDER_NAME, "names the folder of its runs")
    parts: dict[str, Photographs] = setting(help="the datasets, by name")

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("dataset.parts must not be empty")


@dataclass(kw_only=True)
class Augmentation(Target):
    """How photographs are changed in training."""

    _target_: str = "colorization.data.augmentation.Augmentation"
    flip_horizontal: float = setting(0, SHARE, "share of photographs mirrored left to right")
    flip_vertical: float = setting(0, SHARE, "share of photographs mirrored upside down")
    rotation: float = setting(0, within(0, 180), "largest angle, degrees either way")
    shift: float = setting(0, SHARE, "largest shift, a share of each side")
    zoom: float = setting(0, within(0, 0.9), "0.1 is a factor of 0.9 to 1.1")
    brightness: float = setting(0, SHARE, "0.2 is a factor of 0.8 to 1.2")
    contrast: float = setting(0, SHARE, "0.1 is a factor of 0.9 to 1.1")
    crop: float = setting(
        1, within(0.1, 1), "smallest share of the side that a random crop keeps; 1 is none"
    )
    grow: bool = setting(
        False, help="smaller pictures at first: 2/3 of the size for 45% of the steps, 5/6 until 65%"
    )
    aged: float = setting(0, SHARE, "share of photographs whose lightness looks like an old print")
    border: str = setting(
        "reflection",
        one_of("border", "reflection", "zeros"),
        "what fills the corners; border is the nearest pixel",
    )


# Networks.


@dataclass(kw_only=True)
class PaperNetwork(Target):
    """The course paper's network: twelve convolutions."""

    _target_: str = "colorization.networks.paper.PaperNetwork"
    activation: str = setting(
        "tanh", help="tanh, or relu as in the paper, which cannot give a negative a or b"
    )


@dataclass(kw_only=True)
class Encoder:
    """A classifier of timm that gives feature maps, as the encoder of a network."""

    name: str = setting(help="its name in timm")
    weights: PathText = setting("hub", help="hub: timm's, fetched once; package, random, or a file")
    tuned: float = setting(
        0, SHARE, "share of its layers, from the coarsest, that are trained: 0 is frozen, 1 all"
    )
    lr_factor: float = setting(0.1, within(0, 100), "their learning rate, of the optimizer's")
    enlarge: int = setting(
        2, within(1, 4), "it sees the photograph enlarged by this factor: 1, 2 or 4"
    )

    def __post_init__(self) -> None:
        if self.enlarge not in (1, 2, 4):
            raise InputError(f"network.encoder.enlarge is {self.enlarge}; it must be 1, 2 or 4")


@dataclass(kw_only=True)
class FusionNetwork(PaperNetwork):
    """The paper's network, told what a classifier of ImageNet sees in the whole photograph."""

    _target_: str = "colorization.networks.fusion.FusionNetwork"
    encoder: Encoder = setting(
        Encoder(name="tf_efficientnet_lite0", weights="package"), help="of the group encoder"
    )


@dataclass(kw_only=True)
class UNet(Target):
    """Encoder and decoder with skip connections, normalised, for a few hundred photographs."""

    _target_: str = "colorization.networks.unet.UNet"
    width: int = setting(
        24,
        within(8, 512),
        "filters of the first level, a multiple of 8; million weights: 8 has 0.3, 24 2.3, 40 6.5",
    )
    coordinates: bool = setting(True, help="tell the network where in the picture a pixel is")
    dropout: float = setting(
        0, within(0, 0.9), "share of the coarsest level's channels left out in training"
    )
    stride: int = setting(2, within(2, 4), "of the output: 2, or 4 for pictures of 192 px and more")
    encoder: Encoder | None = setting(None, help="of the group encoder; null trains its own")
    queries: int = setting(
        0, within(0, 512), "learned colours that look at the whole picture, as DDColor's; 0 is none"
    )

    def __post_init__(self) -> None:
        if self.stride not in (2, 4):
            raise InputError(f"network.stride is {self.stride}; it must be 2 or 4")


@dataclass(kw_only=True)
class Amplifier(Target):
    """A small network after the colorizer that corrects the coloured photograph in RGB."""

    _target_: str = "colorization.networks.amplifier.Amplifier"
    width: int = setting(24, within(1, 512), "filters of its hidden layers")
    weight: float = setting(
        1, within(0, 1e6), "of its squared error in RGB; 0 trains it by the perceptual term alone"
    )


# Objectives, and terms that the loss has besides.


@dataclass(kw_only=True)
class MeanSquaredError(Target):
    """Squared error of ab."""

    _target_: str = "colorization.objectives.regression.MeanSquaredError"


@dataclass(kw_only=True)
class Huber(Target):
    """Squared error of ab where it is small, absolute error where it is large."""

    _target_: str = "colorization.objectives.regression.Huber"
    delta: float = setting(0.1, within(1e-6, 1e6), "of ab/128: squared below, linear above")


@dataclass(kw_only=True)
class ColorBins(Target):
    """A distribution over colours instead of one colour (Zhang et al. 2016)."""

    _target_: str = "colorization.objectives.bins.ColorBins"
    grid: int = setting(10, within(5, 50), "CIE units a side of a bin of ab")
    temperature: float = setting(
        0.38, TEMPERATURE, "of the annealed mean: 1 is the mean, near 0 the likeliest colour"
    )
    uniform: float = setting(
        0.5, SHARE, "share in the classes' weights: 1 weighs rare colours as common ones"
    )


@dataclass(kw_only=True)
class FeatureDistance(Target):
    """Compare what a frozen classifier sees in the coloured photograph and in the true one."""

    _target_: str = "colorization.objectives.perceptual.FeatureDistance"
    weight: float = setting(
        1, WEIGHT, "for objective=bins; the loss of mse is a hundredth, so 0.01 there"
    )
    classifier: str = setting(
        "tf_efficientnet_lite0", help="or another of timm, with perceptual.weights=hub"
    )
    weights: PathText = setting("package", help="as of an encoder: hub, package, random, or a file")


@dataclass(kw_only=True)
class PatchAdversary(Target):
    """Ask a network that learns meanwhile to tell coloured photographs from true ones."""

    _target_: str = "colorization.objectives.adversarial.PatchAdversary"
    weight: float = setting(0.01, WEIGHT, "of what it says, in the loss of the colorizer")
    begin: float = setting(0.7, BELOW_ONE, "share of the training after which it begins")
    width: int = setting(32, within(1, 512), "filters of its first layer")


# Optimizers and schedules.


@dataclass(kw_only=True)
class Optimizer(Target):
    lr: float = setting(1e-3, within(1e-30, 1e38), "learning rate")  # as float32 has it
    weight_decay: float = setting(0, SHARE, "of the weights")


@dataclass(kw_only=True)
class RMSprop(Optimizer):
    """Keras's RMSprop: its rho is alpha here."""

    _target_: str = "torch.optim.RMSprop"
    alpha: float = setting(0.9, BELOW_ONE, "decay of the average of squared gradients")
    eps: float = setting(1e-7, SHARE, "added to the denominator")
    momentum: float = setting(0, BELOW_ONE, "of the steps")


@dataclass(kw_only=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay."""

    _target_: str = "torch.optim.AdamW"
    weight_decay: float = setting(1e-2, SHARE, "of the weights")
    betas: tuple[float, float] = setting(
        (0.9, 0.999), BELOW_ONE, "decay of the averages of gradients and of their squares"
    )
    eps: float = setting(1e-8, SHARE, "added to the denominator")

    def __post_init__(self) -> None:
        if len(self.betas) != 2:
            raise InputError(f"optimizer.betas is {self.betas}; it must be two, 0 to below 1")


@dataclass(kw_only=True)
class SGD(Optimizer):
    """Steps as large as the gradient, so its learning rate is larger."""

    _target_: str = "torch.optim.SGD"
    lr: float = setting(0.1, within(1e-30, 1e38), "learning rate")
    momentum: float = setting(0.9, BELOW_ONE, "of the steps")
    nesterov: bool = setting(True, help="momentum as Nesterov has it")

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise InputError("optimizer.nesterov needs optimizer.momentum above 0")


@dataclass(kw_only=True)
class Constant(Target):
    """Keep the learning rate."""

    _target_: str = "colorization.training.schedules.constant"


@dataclass(kw_only=True)
class Cosine(Target):
    """Lower the learning rate along a cosine."""

    _target_: str = "colorization.training.schedules.cosine"
    final: float = setting(0.01, SHARE, "of the optimizer's learning rate")


@dataclass(kw_only=True)
class OneCycle(Target):
    """Raise the learning rate, then lower it."""

    _target_: str = "colorization.training.schedules.one_cycle"
    warmup: float = setting(0.2, SHARE, "share of the steps on which the learning rate rises")


@dataclass(kw_only=True)
class Decoding:
    """How a trained colorizer predicts; older checkpoints do not name all of it."""

    flip_average: bool = setting(False, help="the mean over a photograph and its mirror image")
    strength: float = setting(0.0, within(0, 10), "1 doubles differences to the mean colour")


SCHEMAS: dict[str, dict[str, type[Target]]] = {
    "dataset": {
        "synthetic": Synthetic,
        "folder": Folder,
        "faces": Faces,
        "dogs": Dogs,
        "everyday": Everyday,
        "mixed": Mixed,
    },
    "augmentation": {"augmentation": Augmentation},
    "network": {"paper": PaperNetwork, "fusion": FusionNetwork, "unet": UNet},
    "objective": {"mse": MeanSquaredError, "huber": Huber, "bins": ColorBins},
    "amplifier": {"residual": Amplifier},
    "perceptual": {"features": FeatureDistance},
    "adversary": {"patch": PatchAdversary},
    "optimizer": {"rmsprop": RMSprop, "adamw": AdamW, "sgd": SGD},
    "scheduler": {"none": Constant, "cosine": Cosine, "onecycle": OneCycle},
}


def schema_target(schema: type[Target]) -> str:
    """Return the ``_target_`` that a schema names."""
    (found,) = (field for field in fields(schema) if field.name == "_target_")
    return str(found.default)


BY_TARGET: dict[str, type[Target]] = {
    schema_target(schema): schema for schemas in SCHEMAS.values() for schema in schemas.values()
}
TARGETS = frozenset(BY_TARGET)
