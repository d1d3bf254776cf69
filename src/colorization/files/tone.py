"""Tell gray and toned pictures (sepia, yellowed) from coloured ones by measurement.

In a toned picture the colour of a pixel follows from its lightness; what is left beside that is
noise. ``benchmarks.toned`` measures how well this tells them apart.
"""

import numpy as np
from numpy.typing import NDArray

from colorization.files.painting import Floats

SEEN = 128  # px of the shorter side that are looked at
COLORED = 1.5
"""Mean chroma, CIE units, below which a picture is gray."""
KNOTS = 25  # of lightness, between which a tone is linear
SMOOTHED = 7  # px to each side, over which noise is averaged
SPREAD = 0.7
"""From here on a picture is coloured; see :func:`spread_of`."""


def tone_of(lab: Floats) -> str:
    """Tell whether a picture is ``gray``, ``toned`` or ``coloured``.

    Args:
        lab: (H,W,3), CIE units, its shorter side about :data:`SEEN` px.
    """
    ab = lab[..., 1:]
    if float(np.hypot(ab[..., 0], ab[..., 1]).mean()) < COLORED:
        return "gray"
    return "coloured" if spread_of(lab) > SPREAD else "toned"


def spread_of(lab: Floats) -> float:
    """Measure the colours that do not follow from the lightness of a picture (H,W,3).

    ab is fitted by a function of L, and what is left averaged over 15 x 15 px. The result is its
    mean length, times the 99th percentile of its part across the mean hue (what compression and
    noise leave in a toned picture lies along it), over the root of the mean chroma (which they
    grow with).
    """
    height, width, _ = lab.shape
    ab: NDArray[np.float64] = lab[..., 1:].reshape(-1, 2).astype(np.float64)
    rest = (ab - fitted_by_lightness(lab[..., 0].ravel(), ab)).reshape(height, width, 2)
    smooth = averaged(averaged(rest, 0), 1)
    chroma = float(np.hypot(*ab.T).mean())
    mean = ab.mean(axis=0)
    along = mean / max(float(np.hypot(*mean)), 1e-6)
    across = np.abs(smooth @ np.array([-along[1], along[0]]))
    length = float(np.hypot(smooth[..., 0], smooth[..., 1]).mean())
    return float(length * np.percentile(across, 99) / chroma**0.5)


def fitted_by_lightness(L: Floats, ab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit ab (N,2) by a function of L (N,), linear between knots, by least squares."""
    place = np.clip(L / 100 * (KNOTS - 1), 0, KNOTS - 1 - 1e-4)
    first = place.astype(np.intp)
    share = place - first
    weights = np.zeros((len(L), KNOTS))
    rows = np.arange(len(L))
    weights[rows, first] = 1 - share
    weights[rows, first + 1] = share
    slopes = np.diff(np.eye(KNOTS), axis=0)  # knots without pixels follow their neighbours
    normal = weights.T @ weights + 1e-5 * len(L) * slopes.T @ slopes + 1e-6 * np.eye(KNOTS)
    found: NDArray[np.float64] = weights @ np.linalg.solve(normal, weights.T @ ab)
    return found


def averaged(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The mean over :data:`SMOOTHED` px to each side along an axis, borders mirrored."""
    side = [(0, 0)] * values.ndim
    side[axis] = (SMOOTHED + 1, SMOOTHED)
    sums = np.cumsum(np.pad(values, side, mode="symmetric"), axis=axis)
    size = 2 * SMOOTHED + 1
    count = sums.shape[axis]
    late, early = np.arange(size, count), np.arange(count - size)
    return (sums.take(late, axis) - sums.take(early, axis)) / size
