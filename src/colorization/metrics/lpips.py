"""LPIPS; the weights of its backbone are fetched on first use."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from colorization.metrics.weights import find_weights, read_digest

ALEXNET, FILE, MEGABYTES = "AlexNet", "alexnet-owt-7be5be79.pth", 233
SMALLEST = 64  # px: the backbone cannot see less


class LPIPS:
    """Learned perceptual similarity (Zhang et al. 2018) with their AlexNet weights.

    Args:
        path: of AlexNet's ImageNet weights; None is torchvision's download.

    Raises:
        InputError: if the backbone's weights are neither here nor can be fetched.
    """

    def __init__(self, device: torch.device, path: Path | None = None) -> None:
        with find_weights(ALEXNET, FILE, MEGABYTES, path) as loaded:
            self.net = LearnedPerceptualImagePatchSimilarity("alex").net.to(device)
            self.weights = read_digest(ALEXNET, loaded)

    def __call__(self, rgb: Tensor, true_rgb: Tensor) -> Tensor:
        """Two uint8 (B,3,H,W) to (B,), 0 where they are equal; small pictures are enlarged."""
        # Not torchmetrics' metric itself: it keeps state, and threads share it.
        values: Tensor = self.net(scale_input(rgb), scale_input(true_rgb))
        return values.flatten()


def scale_input(rgb: Tensor) -> Tensor:
    """Convert to float in -1..1, with the shorter side at least SMALLEST px."""
    x = rgb.float() / 127.5 - 1
    height, width = x.shape[-2:]
    scale = SMALLEST / min(height, width)
    if scale <= 1:
        return x
    size = (round(height * scale), round(width * scale))
    return F.interpolate(x, size, mode="bilinear", align_corners=False).clamp(-1, 1)
