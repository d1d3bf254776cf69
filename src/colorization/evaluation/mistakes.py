"""Sum up mistakes: hues taken for others, the colours that are used, errors by lightness."""

from math import cos, pi, sin

import torch
from torch import Tensor

from colorization.color import LabBatch, chroma, widest

HUES = ("pink", "red", "yellow", "green", "teal", "sky", "azure", "violet")
"""Sectors of 45 degrees of Lab's hue angle around 0, 45, ... 315: brown and skin are in red, orange
and tan in yellow, sRGB's blue in violet."""
NEUTRAL = "neutral"
CLASSES = (*HUES, NEUTRAL)
# The middle of each class, as a page can show it.
HUE_COLORS = {
    **{
        hue: f"lab(65 {45 * cos(n * pi / 4):.0f} {45 * sin(n * pi / 4):.0f})"
        for n, hue in enumerate(HUES)
    },
    NEUTRAL: "lab(65 0 0)",
}
NEUTRAL_CHROMA = 10.0  # CIE units; below it a pixel has no hue worth naming

REACH, CELL = 110, 2  # CIE units: of the histogram of ab
LIGHTNESS_STEP, CHROMA_STEP, CHROMA_STEPS = 5, 5, 20


class Mistakes:
    """Sums over photographs for one row; every photograph has weight 1, whatever its size."""

    def __init__(self) -> None:
        size = len(CLASSES)
        self.confusion = torch.zeros(size, size, dtype=torch.float64)  # true by predicted
        cells = 2 * REACH // CELL
        self.histogram = torch.zeros(cells, cells, dtype=torch.float64)  # a by b
        # Rows: area, error summed over it.
        self.by_lightness = torch.zeros(2, 100 // LIGHTNESS_STEP, dtype=torch.float64)
        self.by_chroma = torch.zeros(2, CHROMA_STEPS, dtype=torch.float64)

    def update(self, ab: Tensor, truth: LabBatch) -> None:
        """Add predicted ab (B,2,H,W), CIE units."""
        pixels = ab.shape[-2] * ab.shape[-1]
        true_class = classify_hue(truth.ab)
        self.confusion += sum_shares(
            true_class * len(CLASSES) + classify_hue(ab), self.confusion, pixels
        )
        cell = ((ab + REACH) / CELL).floor().clamp(0, len(self.histogram) - 1).long()
        index = cell[:, 0] * len(self.histogram) + cell[:, 1]
        self.histogram += sum_shares(index, self.histogram, pixels)
        error = chroma(ab - truth.ab)
        for sums, value, step in (
            (self.by_lightness, truth.L[:, 0], LIGHTNESS_STEP),
            (self.by_chroma, chroma(truth.ab), CHROMA_STEP),
        ):
            place = (value / step).floor().clamp(0, sums.shape[1] - 1).long()
            sums[0] += sum_shares(place, sums[0], pixels)
            sums[1] += sum_shares(place, sums[1], pixels, error)

    def hues(self) -> dict[str, float]:
        """Return the shares of the truly coloured area by the hue that they were given.

        ``wrong`` is two sectors off or more, as green fur is; ``near`` is the next sector.
        ``painted`` is the share of the truly neutral area that got a hue.
        """
        coloured = self.confusion[:-1]
        steps = torch.arange(len(HUES))
        turn = (steps[:, None] - steps[None]) % len(HUES)
        turn = torch.minimum(turn, len(HUES) - turn)
        area = coloured.sum()
        hued = coloured[:, :-1]
        neutral = self.confusion[-1]
        found = {
            "right": hued[turn == 0].sum() / area,
            "near": hued[turn == 1].sum() / area,
            "wrong": hued[turn > 1].sum() / area,
            "left_neutral": coloured[:, -1].sum() / area,
            "painted": neutral[:-1].sum() / neutral.sum(),
        }
        return {name: value.item() for name, value in found.items()}


def classify_hue(ab: Tensor) -> Tensor:
    """Find the index in CLASSES of every pixel of ab (B,2,H,W), as (B,H,W)."""
    a, b = ab.unbind(dim=1)
    sector = (torch.atan2(b, a) / (torch.pi / 4)).round().long() % len(HUES)
    is_neutral = chroma(ab) < NEUTRAL_CHROMA
    return torch.where(is_neutral, len(HUES), sector)


def sum_shares(index: Tensor, like: Tensor, pixels: int, weights: Tensor | None = None) -> Tensor:
    """Sum the area at every index, in photographs, or weights over it; shaped as ``like``."""
    flat = None if weights is None else weights.flatten().to(widest(weights.device))
    counts = torch.bincount(index.flatten(), flat, minlength=like.numel())
    return counts.cpu().double().view(like.shape) / pixels


def average_error(sums: Tensor, least_area: float = 1e-4) -> list[float]:
    """Average ``by_lightness`` or ``by_chroma`` at each place; NaN where there is no area."""
    area, error = sums
    share = area / area.sum()
    return torch.where(share >= least_area, error / area, torch.nan).tolist()
