"""Let a network that halves its input several times take any size."""

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
