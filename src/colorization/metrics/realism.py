"""FID and KID: how far the predictions as a whole are from the true photographs."""

from collections.abc import Container
from pathlib import Path

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.kid import KernelInceptionDistance

from colorization.errors import InputError
from colorization.metrics.weights import find_weights, read_digest

INCEPTION, FILE, MEGABYTES = "Inception v3", "weights-inception-2015-12-05-6726825d.pth", 91
FEATURES = 2048  # of Inception v3's last pooling
ENOUGH_FOR_FID = 5_000
KID_SUBSET = 50
REALISM = ("fid", "kid")


class Features(nn.Module):
    """Stands in for the backbone: the features are computed once for all predictions."""

    num_features = FEATURES

    def forward(self, features: Tensor) -> Tensor:
        return features


class Realism:
    """FID (Heusel et al. 2017) or KID (Binkowski et al. 2018) of one set of predictions."""

    def __init__(self, names: Container[str]) -> None:
        self.metrics: dict[str, Metric] = {}
        if "fid" in names:
            self.metrics["fid"] = FrechetInceptionDistance(Features())
        if "kid" in names:
            self.metrics["kid"] = KernelInceptionDistance(Features(), subset_size=KID_SUBSET)

    def update(self, features: Tensor, true_features: Tensor) -> None:
        """Add the features (B,2048) of B predictions and of their truths."""
        for metric in self.metrics.values():
            metric.update(features.cpu(), real=False)
            metric.update(true_features.cpu(), real=True)

    def compute(self, count: int) -> dict[str, float]:
        """Return the distances over ``count`` photographs; NaN if those are too few."""
        found = {}
        for name, metric in self.metrics.items():
            if count < (KID_SUBSET if name == "kid" else 2):
                found[name] = float("nan")
            else:
                value = metric.compute()
                found[name] = float(value[0] if isinstance(value, tuple) else value)
        return found


class Inception:
    """Inception v3 of the original FID: TensorFlow's ImageNet weights, from torch-fidelity.

    Args:
        path: of the weights; None is torch-fidelity's download.

    Raises:
        InputError: if torch-fidelity is not installed, or the weights cannot be loaded.
    """

    def __init__(self, device: torch.device, path: Path | None = None) -> None:
        with find_weights(INCEPTION, FILE, MEGABYTES, path) as loaded:
            try:
                network = NoTrainInceptionV3("inception-v3-compat", [str(FEATURES)])
            except ModuleNotFoundError as error:
                needed = "torch-fidelity is not installed; pip install -e '.[fid]'"
                raise InputError(needed) from error
            self.weights = read_digest(INCEPTION, loaded)
        self.network = network.to(device)

    def __call__(self, rgb: Tensor) -> Tensor:
        """Compute features (B,2048) of uint8 sRGB (B,3,H,W)."""
        features: Tensor = self.network(rgb)
        return features
