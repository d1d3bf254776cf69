"""Structural similarity."""

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

WINDOW = 11  # px, of a Gaussian of 1.5 px


def ssim(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Average SSIM (Wang et al. 2004, their window and constants) over R, G and B.

    Two uint8 (B,3,H,W) to (B,), at most 1. Pictures smaller than the window are widened by their
    border.
    """
    pairs = zip(widen(rgb), widen(true_rgb), strict=True)
    return torch.tensor([compare(*pair) for pair in pairs])


def compare(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return SSIM of two (3,H,W)."""
    return float(
        structural_similarity(
            picture,
            truth,
            channel_axis=0,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def widen(rgb: Tensor) -> np.ndarray:
    """Convert to NumPy, with both sides at least WINDOW px."""
    missing = [max(0, WINDOW - side) for side in rgb.shape[-2:]]
    return np.pad(
        rgb.float().cpu().numpy(), [(0, 0), (0, 0), *((0, side) for side in missing)], "edge"
    )
