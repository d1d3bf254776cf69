"""RGB and CIE Lab: every conversion of the project, in float32.

Units: RGB in 0..1 as float or 0..255 as uint8; L in 0..100; a and b about -110..110 (sRGB spans
a -86..98, b -108..94). White point D65, observer 2 degrees.
"""

from typing import NamedTuple

import torch
from torch import Tensor

AB_SCALE = 128.0
"""Networks see a and b divided by this, and every mean squared error is in these units."""

NEAR_GRAY_CHROMA = 1.5
"""A photograph whose mean chroma is below this has no colour to be judged by."""


class LabBatch(NamedTuple):
    """Photographs in CIE units: L (B,1,H,W) in 0..100, ab (B,2,H,W); float32."""

    L: Tensor
    ab: Tensor


def rgb_to_lab(rgb: Tensor) -> LabBatch:
    """Convert sRGB (B,3,H,W), float32 in 0..1, to L and ab in CIE units.

    Raises:
        TypeError: if ``rgb`` is not float32; uint8 would be read as 0..255 times too bright,
            and half precision is off by up to 0.56 in ab.
    """
    if rgb.dtype != torch.float32:
        raise TypeError(f"rgb_to_lab takes float32 in 0..1, got {rgb.dtype}")
    from kornia.color import rgb_to_lab as kornia_rgb_to_lab  # 0.3 s, where needed

    with torch.autocast(rgb.device.type, enabled=False):
        lab = kornia_rgb_to_lab(rgb)
    return LabBatch(lab[:, :1], lab[:, 1:])


def lab_to_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """Convert L (B,1,H,W) and ab (B,2,H,W) in CIE units to sRGB (B,3,H,W), float32 in 0..1.

    Colours outside sRGB are clipped in each channel.
    """
    from kornia.color import lab_to_rgb as kornia_lab_to_rgb  # 0.3 s, where needed

    with torch.autocast(L.device.type, enabled=False):
        rgb: Tensor = kornia_lab_to_rgb(torch.cat([L.float(), ab.float()], dim=1), clip=True)
    return rgb


def to_uint8(rgb: Tensor) -> Tensor:
    """Round sRGB in 0..1 to uint8 in 0..255, any shape."""
    return (rgb * 255).round().clamp(0, 255).to(torch.uint8)


def from_uint8(rgb: Tensor) -> Tensor:
    """Turn uint8 sRGB in 0..255 into float32 in 0..1, any shape."""
    return rgb.float() / 255


def chroma(ab: Tensor) -> Tensor:
    """Distance of every pixel from the gray axis: ab (B,2,H,W) to (B,H,W).

    Of a difference of two ab, their distance.
    """
    a, b = ab.unbind(dim=1)
    return (a * a + b * b).sqrt()  # a norm over two channels takes PyTorch ten times as long


def mean_chroma(ab: Tensor) -> Tensor:
    """Mean distance from the gray axis of each photograph: ab (B,2,H,W) to (B,)."""
    return chroma(ab).mean(dim=(1, 2))


def is_near_gray(ab: Tensor) -> Tensor:
    """Whether each photograph has no colour to be judged by: ab (B,2,H,W) to (B,), bool."""
    return mean_chroma(ab) < NEAR_GRAY_CHROMA


def scale_lightness(L: Tensor) -> Tensor:
    """L in 0..100 to -1..1, the one scaling that networks are fed with."""
    return L / 50 - 1


def unscale_lightness(x: Tensor) -> Tensor:
    """Back from -1..1 to L in 0..100."""
    return (x + 1) * 50


def widest(device: torch.device) -> torch.dtype:
    """float64, which sums of many numbers are taken in, or float32 where there is no other."""
    return torch.float32 if device.type == "mps" else torch.float64
