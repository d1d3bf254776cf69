"""CIEDE2000, the colour difference that follows what people see."""

import numpy as np
import torch
from skimage.color import deltaE_ciede2000
from torch import Tensor

CHUNK = 2**18  # pixels at a time: scikit-image keeps some twenty arrays of them


def ciede2000(lab: Tensor, true_lab: Tensor) -> Tensor:
    """Average CIEDE2000 over pixels (Sharma et al. 2005): two (B,3,H,W) in CIE units to (B,)."""
    pairs = zip(to_pixels(lab), to_pixels(true_lab), strict=True)
    return torch.tensor([average_difference(*pair) for pair in pairs])


def to_pixels(lab: Tensor) -> np.ndarray:
    """Convert (B,3,H,W) to (B,H*W,3)."""
    return np.asarray(lab.flatten(2).transpose(1, 2).contiguous().cpu())


def average_difference(lab: np.ndarray, true_lab: np.ndarray) -> float:
    """Average the differences of two (P,3)."""
    starts = range(0, len(lab), CHUNK)
    parts = (deltaE_ciede2000(lab[i : i + CHUNK], true_lab[i : i + CHUNK]).sum() for i in starts)
    return float(sum(parts) / len(lab))
