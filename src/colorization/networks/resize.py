"""Run networks on pictures of any size, and bring their output back to it."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Upsampling(NamedTuple):
    """Brings output at 1/stride of the input's resolution back to it."""

    stride: int
    mode: str  # nearest, bilinear

    def __call__(self, coarse: Tensor, size: tuple[int, int]) -> Tensor:
        """Upsample (B,C,h,w), where h is H/stride rounded up, to (B,C,H,W)."""
        height, width = size
        corners = None if self.mode == "nearest" else False
        fine = F.interpolate(
            coarse, scale_factor=self.stride, mode=self.mode, align_corners=corners
        )
        return fine[..., :height, :width]

    def coarse_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the output for an input of ``size``."""
        height, width = size
        return -(-height // self.stride), -(-width // self.stride)


def run_at_multiple(
    network: Callable[[Tensor], Tensor], x: Tensor, multiple: int, stride: int
) -> Tensor:
    """Run ``network`` on x (B,C,H,W) padded right and below to a multiple, and crop its output.

    Borders are replicated. An input whose sides already divide by ``multiple`` is not copied. The
    output (B,C,h,w) is at 1/stride of the input's resolution.
    """
    height, width = x.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if below or right:
        x = F.pad(x, (0, right, 0, below), mode="replicate")
    return network(x)[..., : (height + stride - 1) // stride, : (width + stride - 1) // stride]


def predict_at_size(predict: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """Run ``predict`` on x (B,C,H,W) with its shorter side brought to ``size`` px.

    The output (B,2,h,w) is upsampled bilinearly to (B,2,H,W). An input whose shorter side is
    ``size`` is taken as it is.
    """
    height, width = x.shape[-2:]
    scale = size / min(height, width)
    if scale == 1:
        return predict(x)
    own = (max(size, round(height * scale)), max(size, round(width * scale)))
    small = F.interpolate(x, own, mode="bilinear", align_corners=False, antialias=True)
    return F.interpolate(predict(small), (height, width), mode="bilinear", align_corners=False)


def reduce_to_output(ab: Tensor, upsampling: Upsampling) -> Tensor:
    """Average ab (B,2,H,W) to the output's resolution, and upsample it again.

    With the true ab and nearest upsampling, no output of that resolution has a smaller squared
    error.
    """
    size = (ab.shape[-2], ab.shape[-1])
    coarse = F.interpolate(ab, upsampling.coarse_size(size), mode="area")
    return upsampling(coarse, size)
