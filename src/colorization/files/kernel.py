"""Painting compiled by Numba, where that is installed: as :mod:`.painting`, pixel by pixel.

Nothing of the size of the photograph is kept between lightness and result.
"""

import numpy as np
from numba import njit

F = np.float32


@njit(nogil=True, cache=True, fastmath=True)
def linear(L, a, b, matrix):  # type: ignore[no-untyped-def]
    """Linear R, G and B of one colour."""
    y = L * F(1 / 116) + F(16 / 116)
    x = y + a * F(1 / 500)
    z = y - b * F(1 / 200)
    edge, slope, start = F(6 / 29), F(108 / 841), F(4 / 29)
    X = x * x * x if x > edge else (x - start) * slope
    Y = y * y * y if y > edge else (y - start) * slope
    Z = z * z * z if z > edge else (z - start) * slope
    red = matrix[0, 0] * X + matrix[0, 1] * Y + matrix[0, 2] * Z
    green = matrix[1, 0] * X + matrix[1, 1] * Y + matrix[1, 2] * Z
    blue = matrix[2, 0] * X + matrix[2, 1] * Y + matrix[2, 2] * Z
    return red, green, blue


@njit(nogil=True, cache=True, fastmath=True)
def paint_rows(rgb, lightness, wide, first, second, share, matrix, table, limits):  # type: ignore[no-untyped-def]
    """Fill ``rgb`` (h,W,3) from lightness (h,W) and ab (2,n,W) of rows to interpolate between.

    Args:
        first, second, share: of each row; see ``Between``.
        table: of 65536 values of linear light, as sRGB.
        limits: how far outside 0..1 is negligible, and the number of halvings.
    """
    height, width = lightness.shape
    negligible, halvings = F(limits[0]), int(limits[1])
    full = F(65535)
    found = np.empty((3, width), np.float32)
    for row in range(height):
        above, below, at = wide[:, first[row]], wide[:, second[row]], share[row]
        outside = False
        for column in range(width):  # without a branch, so that it runs on vectors
            L = F(lightness[row, column]) * F(100 / 65535)
            a = above[0, column] + (below[0, column] - above[0, column]) * at
            b = above[1, column] + (below[1, column] - above[1, column]) * at
            red, green, blue = linear(L, a, b, matrix)
            found[0, column], found[1, column], found[2, column] = red, green, blue
            low, high = min(red, min(green, blue)), max(red, max(green, blue))
            outside |= (low < -negligible) | (high > 1 + negligible)
        if outside:
            for column in range(width):
                red, green, blue = found[0, column], found[1, column], found[2, column]
                low, high = min(red, min(green, blue)), max(red, max(green, blue))
                if low >= -negligible and high <= 1 + negligible:
                    continue
                L = F(lightness[row, column]) * F(100 / 65535)
                a = above[0, column] + (below[0, column] - above[0, column]) * at
                b = above[1, column] + (below[1, column] - above[1, column]) * at
                kept, step = F(0), F(0.5)
                for _ in range(halvings):
                    more = kept + step
                    red, green, blue = linear(L, a * more, b * more, matrix)
                    low, high = min(red, min(green, blue)), max(red, max(green, blue))
                    if low >= -negligible and high <= 1 + negligible:
                        kept = more
                    step *= F(0.5)
                found[0, column], found[1, column], found[2, column] = linear(
                    L, a * kept, b * kept, matrix
                )
        for column in range(width):
            for channel in range(3):
                value = min(max(found[channel, column], F(0)), F(1))
                rgb[row, column, channel] = table[np.int32(value * full + F(0.5))]
