"""Score coloured films: colours by frame, and how steady they are from frame to frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colorization.files.painting import Floats, Pixels
from colorization.video.carrying import Link, warp

STEPS = (1, 2, 4)
"""Frames apart whose colour distributions are compared."""
BINS = 256
VISIBLE = 5.0  # variance that a link may add, where a warp error is meant
Histograms = NDArray[np.float64]


def histograms(rgb: Pixels) -> Histograms:
    """Return the distribution of values of each channel of uint8 (H,W,3), (3,256)."""
    counts = [np.bincount(rgb[..., channel].ravel(), minlength=BINS) for channel in range(3)]
    return np.asarray(np.stack(counts) / (rgb.shape[0] * rgb.shape[1]))


def js_divergence(one: Histograms, other: Histograms) -> float:
    """Return the Jensen-Shannon divergence of distributions (3,256), nats, mean of the channels."""
    middle = (one + other) / 2

    def divergence(of: Histograms) -> float:
        return float((of * np.log(np.where(of > 0, of / np.maximum(middle, 1e-300), 1))).sum())

    return (divergence(one) + divergence(other)) / 2 / len(one)


def color_distribution_consistency(frames: Sequence[Histograms]) -> float:
    """Return CDC, the mean divergence of frames 1, 2 and 4 apart (Liu et al. 2021, TCVC).

    Args:
        frames: of :func:`histograms`; more than 4.
    """
    means = [
        np.mean([js_divergence(*pair) for pair in zip(frames[:-step], frames[step:], strict=True)])
        for step in STEPS
    ]
    return float(np.mean(means))


def warp_error(earlier: Floats, later: Floats, link: Link) -> float:
    """Return how far colours ab (h,w,2) change along the truth's flow, CIE units.

    It is the mean distance over the places that the flow finds again.
    """
    is_seen = link.lost_back < VISIBLE
    if not is_seen.any():
        return 0.0
    return float(np.linalg.norm(later - warp(earlier, link.back), axis=2)[is_seen].mean())
