"""Area under the cumulative curve of ab error, plain and class-rebalanced (Zhang et al. 2016)."""

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from colorization.color import chroma

FARTHEST = 150  # thresholds are the whole numbers 0 to this, in CIE units
BIN = 10  # CIE units a side of a colour class
REACH = 13  # classes on either side of zero, enough for all that float ab can hold of sRGB
SMOOTHING = 5  # CIE units, of the shares of classes
CLASSES = (2 * REACH) ** 2


def ab_auc(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Average the share of pixels within a distance of the truth over distances 0 to 150.

    The area under that curve by the trapezoidal rule, as a share of the whole: two (B,2,H,W) in
    CIE units to (B,), 0..1.
    """
    return area_by_pixel(ab, true_ab).mean(dim=(1, 2))


def rebalanced_auc(ab: Tensor, true_ab: Tensor, weights: Tensor) -> Tensor:
    """:func:`ab_auc` with pixels weighted by the class of their true colour, (B,), 0..1.

    The mean over a dataset, each photograph weighted by its :func:`rarity`, is the mean over all
    pixels, so that rare classes count as much as common ones.

    Args:
        ab, true_ab: (B,2,H,W) in CIE units.
        weights: of every class, (CLASSES,), from :func:`class_weights`.
    """
    weight = weights.to(ab.device)[classify(true_ab)]
    return (weight * area_by_pixel(ab, true_ab)).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))


def rarity(true_ab: Tensor, weights: Tensor) -> Tensor:
    """Average the weights of the pixels of each photograph: (B,2,H,W) to (B,)."""
    return weights.to(true_ab.device)[classify(true_ab)].mean(dim=(1, 2))


def classify(ab: Tensor) -> Tensor:
    """Find the class of colour (B,H,W), a square of 10 x 10 CIE units, of ab (B,2,H,W)."""
    cell = ((ab / BIN).floor() + REACH).clamp(0, 2 * REACH - 1).long()
    return cell[:, 0] * 2 * REACH + cell[:, 1]


def class_shares(ab: Tensor) -> Tensor:
    """Sum the share of the area of each class over photographs: (B,2,H,W) to (CLASSES,)."""
    counts = torch.bincount(classify(ab).flatten(), minlength=CLASSES)
    return counts.cpu().double() / (ab.shape[-2] * ab.shape[-1])


def class_weights(shares: Tensor) -> Tensor:
    """Return weights inverse to the smoothed shares (CLASSES,) of the area, with mean 1 over it.

    Zhang et al. 2016, equation 4 with lambda 0 and a Gaussian of 5 units; they take the
    shares in ImageNet, we those in the scored photographs. A class without area has weight 0.
    """
    grid = (shares / shares.sum()).view(2 * REACH, 2 * REACH).numpy()
    smooth = torch.from_numpy(gaussian_filter(grid, SMOOTHING / BIN)).flatten()
    weights = torch.where(shares > 0, 1 / smooth, 0)
    return (weights * shares.sum() / (weights * shares).sum()).float()


def area_by_pixel(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Return the share of the thresholds that count a pixel as right, (B,H,W)."""
    distance = chroma(ab - true_ab)
    # A step curve sampled at whole numbers: right from the first one at or above the distance,
    # half right in the step before.
    step = distance.ceil().clamp(max=FARTHEST + 1)
    start = torch.where(step > 0, step - 0.5, step)
    return ((FARTHEST - start) / FARTHEST).clamp(min=0)
