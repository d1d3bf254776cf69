"""Let what predicts at one size colour pictures of any size."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor


def at_multiple(network: Callable[[Tensor], Tensor], x: Tensor, multiple: int) -> Tensor:
    """Run ``network`` on x (B,C,H,W) padded right and below to a multiple, and crop its output.

    Borders are replicated. An input whose sides already divide by ``multiple`` is not copied.
    """
    height, width = x.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if below or right:
        x = F.pad(x, (0, right, 0, below), mode="replicate")
    return network(x)[..., :height, :width]


def at_own_size(predict: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
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


def at_output_resolution(ab: Tensor, stride: int, upsampling: str) -> Tensor:
    """What is left of ab (B,2,H,W) if it is averaged to 1/stride and upsampled again.

    With the true ab and nearest upsampling, no output of that resolution has a smaller squared
    error.
    """
    height, width = ab.shape[-2:]
    cells = (-(-height // stride), -(-width // stride))
    coarse = F.interpolate(ab, cells, mode="area")
    if upsampling == "nearest":
        return F.interpolate(coarse, (height, width), mode="nearest")
    return F.interpolate(coarse, (height, width), mode=upsampling, align_corners=False)
