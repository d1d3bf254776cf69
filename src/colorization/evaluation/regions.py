"""Error in ab by the true hue and by the kind of region, summed over photographs."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import LabBatch, chroma
from colorization.evaluation.mistakes import CLASSES, classify_hue

WINDOW = 7  # px
FLAT, EDGE = 2.0, 8.0  # L*, standard deviation of lightness in the window
KINDS = ("flat", "detail", "edges")
"""Regions whose lightness hardly varies (sky, walls, skin), with texture, and along edges."""
PLACES = (*CLASSES, *KINDS)


def classify_regions(L: Tensor) -> Tensor:
    """Find the index in KINDS of every pixel by the variation of L (1,1,H,W) around it: (1,H,W)."""
    padded = F.pad(L.double(), [WINDOW // 2] * 4, mode="replicate")
    mean, square = (F.avg_pool2d(x, WINDOW, stride=1) for x in (padded, padded.square()))
    spread = (square - mean.square()).clamp(min=0).sqrt()[:, 0]
    return (spread >= FLAT).long() + (spread >= EDGE).long()


def index_places(truth: LabBatch) -> tuple[Tensor, list[float]]:
    """Index the pixels of a photograph by hue and by kind of region.

    Returns:
        Indices in PLACES, (2, pixels), and the share of the area of each place.
    """
    hues, kinds = classify_hue(truth.ab).flatten(), classify_regions(truth.L).flatten()
    index = torch.stack([hues, kinds + len(CLASSES)])
    counts = torch.bincount(index.flatten(), minlength=len(PLACES))
    return index, (counts / hues.numel()).tolist()


def sum_errors(ab: Tensor, true_ab: Tensor, index: Tensor) -> list[float]:
    """Sum the distance in ab (1,2,H,W) over each place, as a share of the pixels, CIE units."""
    error = chroma(ab - true_ab).flatten().double()
    sums = torch.bincount(index.flatten(), error.repeat(2), minlength=len(PLACES))
    return [value / error.numel() for value in sums.tolist()]


def average_errors(
    errors: Iterable[Sequence[float]], areas: Iterable[Sequence[float]]
) -> dict[str, float | None]:
    """Average the error over the area of each place in all photographs; None without area."""
    total, area = (np.sum(list(values), axis=0) for values in (errors, areas))
    return {
        place: float(t / a) if a > 0 else None
        for place, t, a in zip(PLACES, total, area, strict=True)
    }
