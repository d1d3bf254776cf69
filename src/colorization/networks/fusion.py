"""The paper's network with a classifier's view of the whole photograph."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from colorization.networks.paper import PaperNetwork, initialise_as_keras
from colorization.networks.pretrained import GlobalFeatures
from colorization.networks.resize import run_at_multiple

BOTTLENECK = 14  # layers before it: seven convolutions and their activations
FILTERS = 256  # there


class FusionNetwork(PaperNetwork):
    """Fuses a classifier's global features into the paper's network, at its bottleneck.

    They are repeated over space, concatenated, and mixed in by a 1x1 convolution (Deep
    Koalarization, Baldassarre et al. 2017, section 3.2). The features there are class scores;
    here they are the mean of the coarsest feature map, normalised.

    Args:
        activation: as for the paper's network.
        encoder: arguments of a :class:`GlobalFeatures`.
        channels: of the raw output.
    """

    def __init__(self, activation: str, encoder: Mapping[str, Any], channels: int = 2) -> None:
        super().__init__(activation, channels)
        self.encoder = GlobalFeatures(**encoder)
        self.normalise = nn.LayerNorm(self.encoder.channels[-1])
        self.fuse = nn.Conv2d(FILTERS + self.encoder.channels[-1], FILTERS, 1)
        initialise_as_keras(self.fuse)

    def forward(self, x: Tensor) -> Tensor:
        return run_at_multiple(self.run, x, 8, self.upsampling.stride)

    def run(self, x: Tensor) -> Tensor:
        """Run on x (B,C,H,W) whose sides divide by 8."""
        middle = self.layers[:BOTTLENECK](x)
        (features,) = self.encoder(x)
        told = self.normalise(features)[..., None, None].expand(-1, -1, *middle.shape[-2:])
        raw: Tensor = self.layers[BOTTLENECK:](self.fuse(torch.cat([middle, told], dim=1)).relu())
        return raw
