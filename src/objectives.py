"""How a network's raw output becomes ab, and the loss it is trained with."""

import torch.nn.functional as F
from torch import Tensor, nn

from src.color import AB_SCALE


class MeanSquaredError(nn.Module):
    """Regression: the raw output (B,2,H,W) is ab/128, the loss its mean squared error."""

    def decode(self, raw: Tensor) -> Tensor:
        """Raw output of any precision to ab in CIE units, float32."""
        return raw.float() * AB_SCALE

    def forward(self, raw: Tensor, ab: Tensor) -> Tensor:
        """Mean squared error over photographs, channels and pixels, in units of ab/128."""
        return F.mse_loss(raw.float(), ab / AB_SCALE)
