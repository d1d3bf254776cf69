"""LPIPS; the weights of its backbone are fetched on first use."""

import logging
import socket

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from colorization.errors import InputError

log = logging.getLogger(__name__)

SMALLEST = 64  # px: the backbone cannot see less
PATIENCE = 20.0  # s without an answer from the server of the weights


class LPIPS:
    """Learned perceptual similarity (Zhang et al. 2018) with their AlexNet weights.

    Raises:
        InputError: if the backbone's weights are neither here nor can be fetched.
    """

    def __init__(self, device: torch.device) -> None:
        log.info("LPIPS needs AlexNet's ImageNet weights (233 MB, fetched once)")
        previous = socket.getdefaulttimeout()
        socket.setdefaulttimeout(PATIENCE)
        try:
            self.net = LearnedPerceptualImagePatchSimilarity("alex").net.to(device)
        except (OSError, RuntimeError) as error:
            raise InputError(f"AlexNet's weights cannot be loaded: {error}") from error
        finally:
            socket.setdefaulttimeout(previous)

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
