"""Correct colours by hints with NumPy alone, where PyTorch is not installed.

The same as :func:`colorization.hints.propagate.correct_colors`, which says how and why.
"""

import numpy as np

from colorization.files.painting import Floats

CELLS, MOST = 32, 2048
COMMON, REACH, NOISE = 0.1, 1 / 4, 0.05
ALIKE_L, ALIKE_AB = 15.0, 10.0
CHUNK = 2**22


def correct_colors(L: Floats, ab: Floats, hints: Floats) -> Floats:
    """Correct predicted colours by hints: L (B,1,H,W), ab (B,2,H,W) and hints (B,3,H,W).

    Returns:
        ab (B,2,H,W), CIE units; as it was where there are no hints.
    """
    return np.stack([correct_one(*part) for part in zip(L, ab, hints, strict=True)])


def correct_one(L: Floats, ab: Floats, hints: Floats) -> Floats:
    """As :func:`correct_colors`, of one photograph."""
    given = hints[2].ravel() > 0
    if not given.any():
        return ab
    pixels = pixel_points(L, ab)
    sources, added = hinted_points(pixels, given, hints)
    noise = NOISE * np.eye(len(sources), dtype=np.float32)
    weights = np.linalg.solve(in_common(sources, sources) + noise, added)
    rows = max(1, CHUNK // len(weights))
    starts = range(0, len(pixels), rows)
    change = [in_common(pixels[start : start + rows], sources) @ weights for start in starts]
    found: Floats = (ab + np.concatenate(change).T.reshape(ab.shape)).astype(np.float32)
    return found


def pixel_points(L: Floats, ab: Floats) -> Floats:
    """Row and column in shares of the shorter side, L and ab of every pixel, (N,5)."""
    height, width = L.shape[-2:]
    rows, columns = np.indices((height, width), dtype=np.float32) + np.float32(0.5)
    place = np.stack([rows, columns]) / np.float32(min(height, width))
    return np.concatenate([place, L, ab]).reshape(5, -1).T


def hinted_points(pixels: Floats, given: np.ndarray, hints: Floats) -> tuple[Floats, Floats]:
    """The points with hints (N,5), one for a colour in a cell, and what these add (N,2)."""
    height, width = hints.shape[-2:]
    place = given.nonzero()[0]
    colors = hints[:2].reshape(2, -1).T[given]
    for side in (CELLS >> halved for halved in range(CELLS.bit_length())):
        cell = place // width * side // height * side + place % width * side // width
        alike = np.column_stack([cell, np.rint(colors * 10)])
        different, which = np.unique(alike, axis=0, return_inverse=True)
        if len(different) <= MOST:
            break
    values = np.column_stack([pixels[given], colors])
    sums = np.zeros((len(different), values.shape[1]))
    np.add.at(sums, which, values)
    means = (sums / np.bincount(which)[:, None]).astype(np.float32)
    return means[:, :5], means[:, 5:] - means[:, 3:5]


def in_common(points: Floats, others: Floats) -> Floats:
    """Correlation (N,M) of what hints add at points (N,5) and at others (M,5)."""
    unlike = squared_distance(points[:, 2:3], others[:, 2:3]) / np.float32(2 * ALIKE_L**2)
    unlike += squared_distance(points[:, 3:], others[:, 3:]) / np.float32(2 * ALIKE_AB**2)
    far = 1 + squared_distance(points[:, :2], others[:, :2]) / np.float32(REACH**2)
    found: Floats = COMMON + (1 - COMMON) * np.exp(-unlike) / np.sqrt(far)
    return found


def squared_distance(points: Floats, others: Floats) -> Floats:
    found: Floats = sum(
        np.square(points[:, None, axis] - others[None, :, axis]) for axis in range(points.shape[1])
    )
    return found
