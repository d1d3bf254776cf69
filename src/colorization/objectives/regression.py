"""Regression: one colour a pixel."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import AB_SCALE
from colorization.networks.resize import Upsampling
from colorization.objectives.base import Objective


class Regression(Objective):
    """Reads raw output as ab/128, and compares it with the truth at full resolution."""

    channels = 2

    def start(self, ab: Iterable[Tensor]) -> Tensor:
        """Return the mean ab/128 (2,) over the training photographs."""
        means = torch.cat([batch.mean(dim=(2, 3)) for batch in ab])
        return means.mean(dim=0) / AB_SCALE

    def decode(self, raw: Tensor) -> Tensor:
        return raw.float() * AB_SCALE

    def forward(self, raw: Tensor, ab: Tensor, upsampling: Upsampling) -> Tensor:
        size = (ab.shape[-2], ab.shape[-1])
        return self.loss(upsampling(raw.float(), size), ab / AB_SCALE)

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of ab/128 (B,2,H,W), averaged over photographs, channels and pixels."""
        raise NotImplementedError


class MeanSquaredError(Regression):
    """Mean squared error, in units of ab/128."""

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        return F.mse_loss(predicted, truth)


class Huber(Regression):
    """Half the squared error up to ``delta``, then linear (Huber 1964), in units of ab/128."""

    def __init__(self, delta: float) -> None:
        super().__init__()
        self.delta = delta

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        return F.huber_loss(predicted, truth, delta=self.delta)
