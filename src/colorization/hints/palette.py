"""Colours that sRGB has at a lightness, to choose from."""

import numpy as np

from colorization.files.painting import Floats, quantized, with_less_chroma
from colorization.hints.file import ab_of

HUES = 12
SHARES = (1.0, 0.66, 0.33)  # of the strongest of a hue
BEYOND = 140.0  # CIE units of chroma, which sRGB has nowhere


def shown(L: float, ab: Floats) -> list[str]:
    """Colours (N,2) of ab at a lightness of 0..100 as #rrggbb, paler where sRGB has them not."""
    a, b = ab.T.astype(np.float32)
    linear = with_less_chroma(np.full(len(ab), L, np.float32), a, b)
    return ["#" + bytes(color).hex() for color in quantized(linear, 8).T]


def palette(L: float) -> list[str]:
    """#rrggbb of a lightness: 12 hues at their strongest, then paler twice, then gray."""
    angles = np.arange(HUES) * 2 * np.pi / HUES
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    strongest = np.array([ab_of(color) for color in shown(L, BEYOND * around)], np.float32)
    rows = [shown(L, share * strongest) for share in SHARES]
    return [color for row in rows for color in row] + shown(L, np.zeros((1, 2), np.float32))
