"""A large picture in overlapping squares, for a network that is at home at their size."""

from collections.abc import Callable

import numpy as np

from colorization.files.painting import Floats

TILES = 16  # in a batch


def in_tiles(predict: Callable[[Floats], Floats], x: Floats, tile: int) -> Floats:
    """Predict ab (1,2,h,w) from (1,C,h,w) in squares of ``tile`` px that overlap by half.

    Each square counts most in its middle, so that no seam shows. A picture that is narrower than
    a square is taken at its own width.
    """
    height, width = x.shape[-2:]
    high, wide = min(tile, height), min(tile, width)
    places = [(top, left) for top in starts(height, high) for left in starts(width, wide)]
    weight = np.outer(window(high), window(wide))
    total = np.zeros((2, height, width), np.float32)
    weights = np.zeros((height, width), np.float32)
    for first in range(0, len(places), TILES):
        batch = places[first : first + TILES]
        squares = [x[0, :, top : top + high, left : left + wide] for top, left in batch]
        for (top, left), ab in zip(batch, predict(np.stack(squares)), strict=True):
            part = (slice(top, top + high), slice(left, left + wide))
            total[:, *part] += ab * weight
            weights[part] += weight
    return (total / weights)[None]


def starts(side: int, tile: int) -> list[int]:
    """Where squares start, half of one apart, the last one at the border."""
    return [*range(0, side - tile, max(1, tile // 2)), side - tile]


def window(length: int) -> Floats:
    """1 in the middle, falling to both ends, nowhere 0."""
    place = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.minimum(place, 1 - place) * 2
