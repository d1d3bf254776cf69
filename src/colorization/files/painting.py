"""Join a photograph's own lightness with colours predicted at a smaller size.

Units: lightness is uint16, 0..65535 for L of 0..100, which keeps gray of 8 bits exact; a and b in
CIE units. White point D65, observer 2 degrees, as in :mod:`colorization.color`.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Lightness = NDArray[np.uint16]
Floats = NDArray[np.float32]
Pixels = NDArray[Any]  # uint8 or uint16

FULL = 65535
BAND = 2**20  # pixels handed to a thread
STRIP = 2**15  # of which it works on so many at a time: what comes between stays in the cache
LONGEST = 16  # times the shorter side: a longer picture is squeezed for the network
NEGLIGIBLE = 1e-4  # of linear light, outside sRGB
LARGE = 2**21  # pixels of a photograph for which loading compiled code pays
HALVINGS = 8  # of the interval in which the share of a colour that sRGB has is looked for

LIMITS = np.array([NEGLIGIBLE, HALVINGS])

WHITE = np.array([0.95047, 1, 1.08883])
RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)  # IEC 61966-2-1
WHITE_TO_RGB = (np.linalg.inv(RGB_TO_XYZ) * WHITE).astype(np.float32)
WHITE_TO_RGB /= WHITE_TO_RGB.sum(axis=1, keepdims=True)  # gray stays gray to the last digit


def encode_gamma(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear light to sRGB, both 0..1 (IEC 61966-2-1)."""
    steep = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear > 0.0031308, steep, 12.92 * linear)


GAMMA_8 = np.rint(255 * encode_gamma(np.arange(FULL + 1) / FULL)).astype(np.uint8)


def shrink(lightness: Lightness, size: int) -> Floats:
    """L (h,w) in 0..100 of lightness (H,W), its shorter side brought to ``size`` px.

    Filtered with a triangle as wide as the reduction, as ``torch``'s antialiased bilinear. The
    longer side is at the most 16 times the shorter.
    """
    height, width = lightness.shape
    scale = size / min(height, width)
    longest = LONGEST * size
    own = tuple(min(longest, max(size, round(side * scale))) for side in (width, height))
    small = Image.fromarray(lightness).resize(own, Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32) * np.float32(100 / FULL)


def paint(
    lightness: Lightness,
    ab: Floats,
    bits: int = 8,
    threads: Executor | None = None,
    fused: bool | None = None,
) -> Pixels:
    """Colour a photograph.

    Colours that sRGB does not have at a pixel's lightness are brought towards gray until it does:
    the lightness stays.

    Args:
        lightness: (H,W).
        ab: (2,h,w), which is upsampled bilinearly.
        bits: 8 or 16 in each channel.
        threads: that share the work.
        fused: whether compiled code may do it, which takes a second to load; None is for large
            photographs. It is for 8 bits, where Numba is installed.

    Returns:
        sRGB (H,W,3), uint8 or uint16.
    """
    height, width = lightness.shape
    rgb = np.empty((height, width, 3), np.uint8 if bits == 8 else np.uint16)
    upsampling = Upsampling(ab, height, width)
    rows = max(1, BAND // width)
    wanted = lightness.size >= LARGE if fused is None else fused
    kernel = compiled_kernel() if wanted and bits == 8 else None

    def paint_band(top: int) -> None:
        part = slice(top, top + rows)
        if kernel is None:
            paint_part(rgb[part], lightness[part], upsampling, top)
        else:
            between = (values[part] for values in upsampling.rows)
            kernel(
                rgb[part], lightness[part], upsampling.wide, *between, WHITE_TO_RGB, GAMMA_8, LIMITS
            )

    tops = range(0, height, rows)
    for _ in threads.map(paint_band, tops) if threads else map(paint_band, tops):
        pass
    return rgb


@cache
def compiled_kernel() -> Callable[..., None] | None:
    """Painting compiled by Numba; None where that is not installed."""
    try:
        from colorization.files.kernel import paint_rows
    except ImportError:
        return None
    found: Callable[..., None] = paint_rows
    return found


def paint_part(rgb: Pixels, lightness: Lightness, upsampling: "Upsampling", top: int) -> None:
    """Fill ``rgb`` (h,W,3), the rows from ``top`` on; what sRGB has not, last and all at once."""
    height, width = lightness.shape
    bits = 8 * rgb.itemsize
    rows = max(1, STRIP // width)
    outside = np.empty((height, width), np.bool_)
    rest = []
    for start in range(0, height, rows):
        part = slice(start, min(start + rows, height))
        L = lightness[part].reshape(-1) * np.float32(100 / FULL)
        a, b = upsampling(slice(top + part.start, top + part.stop))
        linear = linear_rgb(L, a, b)
        is_out = is_outside(linear)
        outside[part] = is_out.reshape(-1, width)
        if is_out.any():
            rest.append(np.stack([L[is_out], a[is_out], b[is_out]]))
        rgb[part] = quantized(linear, bits).T.reshape(rgb[part].shape)
    if rest:
        lab = np.concatenate(rest, axis=1)
        strips = (lab[:, start : start + STRIP] for start in range(0, lab.shape[1], STRIP))
        mended = [quantized(with_less_chroma(*strip), bits).T for strip in strips]
        rgb[outside] = np.concatenate(mended)


class Upsampling:
    """Strips of ab (2,h,w) at (H,W), bilinear, pixels' centres aligned."""

    def __init__(self, ab: Floats, height: int, width: int) -> None:
        columns = Between.of(ab.shape[2], width)
        self.wide = lerp(ab[..., columns.first], ab[..., columns.second], columns.share)
        self.rows = Between.of(ab.shape[1], height)

    def __call__(self, part: slice) -> tuple[Floats, Floats]:
        """a and b of a strip of rows, flat."""
        rows = self.rows
        above, below = self.wide[:, rows.first[part]], self.wide[:, rows.second[part]]
        a, b = lerp(above, below, rows.share[part, None]).reshape(2, -1)
        return a, b


def upsampled(ab: Floats, height: int, width: int) -> Floats:
    """ab (2,h,w) at (2,H,W), as it is painted."""
    return np.stack(Upsampling(ab, height, width)(slice(height))).reshape(2, height, width)


class Between(NamedTuple):
    """Which two of n values every one of m lies between, and how far from the first."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: Floats

    @classmethod
    def of(cls, n: int, m: int) -> "Between":
        place = ((np.arange(m) + 0.5) * n / m - 0.5).clip(0, n - 1)
        first = place.astype(np.intp)
        return cls(first, np.minimum(first + 1, n - 1), (place - first).astype(np.float32))


def lerp(first: Floats, second: Floats, share: Floats) -> Floats:
    """``first`` where the share is 0, ``second`` where it is 1; overwrites ``second``."""
    second -= first
    second *= share
    second += first
    return second


def with_less_chroma(L: Floats, a: Floats, b: Floats) -> Floats:
    """Linear RGB (3,N) of what sRGB has at the lightness and hue of colours that it has not."""
    share, step = np.zeros_like(L), np.float32(0.5)
    for _ in range(HALVINGS):
        more = share + step
        share = np.where(is_outside(linear_rgb(L, a * more, b * more)), share, more)
        step /= 2
    return linear_rgb(L, a * share, b * share)


def is_outside(linear: Floats) -> NDArray[np.bool_]:
    """Whether a colour (3,N) is more than negligibly outside sRGB."""
    found: NDArray[np.bool_] = linear.min(0) < -NEGLIGIBLE
    found |= linear.max(0) > 1 + NEGLIGIBLE
    return found


def linear_rgb(L: Floats, a: Floats, b: Floats) -> Floats:
    """Linear RGB (3,N), outside 0..1 where sRGB has no such colour."""
    y = L * np.float32(1 / 116) + np.float32(16 / 116)
    xyz = np.empty((3, len(L)), np.float32)
    for channel, f in enumerate((y + a * np.float32(1 / 500), y, y - b * np.float32(1 / 200))):
        dark = (f - np.float32(4 / 29)) * np.float32(108 / 841)
        xyz[channel] = np.where(f > np.float32(6 / 29), f * f * f, dark)
    linear: Floats = WHITE_TO_RGB @ xyz
    return linear


def lab_of(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """sRGB (N,3) in 0..1 to L, a and b (N,3), CIE units."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ RGB_TO_XYZ.T / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def quantized(linear: Floats, bits: int) -> Pixels:
    """sRGB of 8 or 16 bits, the same shape."""
    linear = linear.clip(0, 1)
    if bits == 8:
        pixels: Pixels = GAMMA_8[(linear * np.float32(FULL) + np.float32(0.5)).astype(np.uint16)]
        return pixels
    wide: Pixels = np.rint(FULL * encode_gamma(linear)).astype(np.uint16)
    return wide
