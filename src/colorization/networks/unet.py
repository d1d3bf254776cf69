"""An encoder and decoder with skip connections, for a few hundred photographs."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.errors import InputError
from colorization.networks.base import ColorNetwork
from colorization.networks.encoders import GROUPS, Block, ClassifierEncoder, ScratchEncoder
from colorization.networks.pretrained import PretrainedEncoder
from colorization.networks.resize import Upsampling, at_multiple


class UNet(ColorNetwork):
    """Scaled L (B,1,H,W) to raw output (B,C,H/2,W/2), for any height and width.

    Levels of residual blocks with group normalisation (Wu and He 2018), which does not depend on
    the batch. The encoder is trained with the rest, or a classifier of ImageNet (``encoder``) with
    what it does not see beside it: the fine detail of L, and the position.

    Args:
        width: filters of the first level, a multiple of 8: 8 makes 0.3 million parameters, 16 1.0
            million, 40 6.5 million.
        coordinates: whether the network is told where in the picture a pixel is (Liu et al. 2018).
        dropout: share of the channels of the coarsest level that are left out in training.
        encoder: arguments of a :class:`PretrainedEncoder`; None trains an encoder from scratch.
        channels, inputs: of the raw output, of the input.

    Raises:
        InputError: for a width that cannot be normalised in groups of 8.
    """

    upsampling = Upsampling(2, "bilinear")

    def __init__(
        self,
        width: int,
        coordinates: bool,
        dropout: float,
        encoder: Mapping[str, Any] | None = None,
        channels: int = 2,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        if width < GROUPS or width % GROUPS:
            raise InputError(f"network.width is {width}; it must be a multiple of {GROUPS}")
        self.coordinates = coordinates
        beside = 2 if coordinates else 0
        self.encoder: ScratchEncoder | ClassifierEncoder = (
            ClassifierEncoder(inputs, beside, width, PretrainedEncoder(**encoder))
            if encoder
            else ScratchEncoder(inputs + beside, width)
        )
        widths = self.encoder.widths
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            Up(below, beside) for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        multiple = 2 ** len(self.encoder.widths)
        return at_multiple(self.at_any_level, x, multiple, self.upsampling.stride)

    def at_any_level(self, x: Tensor) -> Tensor:
        if self.coordinates:
            x = torch.cat([x, positions(x)], dim=1)
        skips = self.encoder(x)
        x = self.dropout(skips.pop())
        for up in self.decoder:
            x = up(x, skips.pop())
        raw: Tensor = self.head(x)
        return raw

    def start(self, constant: Tensor) -> None:
        """Start at the best constant colour; read the classifier's weights."""
        super().start(constant)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.copy_(constant)  # type: ignore[union-attr]


class Up(nn.Module):
    """A coarser map and the skip connection beside it, to one map at the skip's resolution."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(below, beside, 1)
        self.block = Block(beside, beside)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.block(F.interpolate(self.narrow(x), scale_factor=2) + skip)
        return y


def positions(x: Tensor) -> Tensor:
    """Row and column of every pixel of x (B,C,H,W), -1..1, as (B,2,H,W)."""
    height, width = x.shape[-2:]
    row = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None]
    column = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)[None]
    field = torch.stack([row.expand(height, width), column.expand(height, width)])
    return field.expand(x.shape[0], -1, -1, -1)
