"""An encoder and decoder with skip connections, for a few hundred photographs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import InputError
from src.networks.sizes import at_multiple

GROUPS = 8
DEPTHS = (1, 2, 4, 8, 8)  # widths of the levels, in units of ``width``


class UNet(nn.Module):
    """Scaled L (B,1,H,W) to ab/128 (B,2,H,W), for any height and width.

    Five levels of residual blocks with group normalisation (Wu and He 2018), which does not depend
    on the batch; the output is computed at half the resolution and upsampled bilinearly.

    Args:
        width: filters of the first level, a multiple of 8: 8 makes 0.3 million parameters, 16 1.3
            million, 40 8.2 million.
        coordinates: whether the network is told where in the picture a pixel is (Liu et al. 2018).
        dropout: share of the channels of the coarsest level that are left out in training.

    Raises:
        InputError: for a width that cannot be normalised in groups of 8.
    """

    output_stride = 2
    upsampling = "bilinear"

    def __init__(self, width: int, coordinates: bool, dropout: float) -> None:
        super().__init__()
        if width < GROUPS or width % GROUPS:
            raise InputError(f"network.width is {width}; it must be a multiple of {GROUPS}")
        self.coordinates = coordinates
        widths = [width * depth for depth in DEPTHS]
        self.stem = nn.Conv2d(3 if coordinates else 1, width, 3, padding=1)
        self.encoder = nn.ModuleList(
            Block(before, after, stride=2)
            for before, after in zip([width, *widths[:-1]], widths, strict=True)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            Block(below + beside, beside)
            for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return at_multiple(self.at_any_level, x, 2 ** len(DEPTHS))

    def at_any_level(self, x: Tensor) -> Tensor:
        if self.coordinates:
            x = torch.cat([x, positions(x)], dim=1)
        x = self.stem(x)
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = self.dropout(skips.pop())
        for block in self.decoder:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, skips.pop()], dim=1))
        return F.interpolate(
            self.head(x), scale_factor=2, mode=self.upsampling, align_corners=False
        )


class Block(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016), normalised before each."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(GROUPS, before), nn.SiLU(), nn.Conv2d(before, after, 3, stride, 1)
        )
        last = nn.Conv2d(after, after, 3, padding=1)
        nn.init.zeros_(last.weight)  # a block starts as its shortcut
        self.second = nn.Sequential(nn.GroupNorm(GROUPS, after), nn.SiLU(), last)
        self.shortcut = nn.Conv2d(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.shortcut(x) + self.second(self.first(x))
        return y


def positions(x: Tensor) -> Tensor:
    """Row and column of every pixel of x (B,C,H,W), -1..1, as (B,2,H,W)."""
    height, width = x.shape[-2:]
    row = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None]
    column = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)[None]
    field = torch.stack([row.expand(height, width), column.expand(height, width)])
    return field.expand(len(x), -1, -1, -1)
