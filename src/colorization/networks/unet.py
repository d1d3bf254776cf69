"""A U-Net for a few hundred photographs, its encoder trained with it or taken from ImageNet."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.errors import InputError
from colorization.networks.base import ColorNetwork
from colorization.networks.pretrained import PretrainedEncoder
from colorization.networks.resize import Upsampling, run_at_multiple

GROUPS = 8
DEPTHS = (1, 2, 4, 8, 8)  # widths of the levels, in units of ``width``


class UNet(ColorNetwork):
    """Computes raw output (B,C,H/stride,W/stride) of scaled L (B,1,H,W), for any height and width.

    Levels of residual blocks with group normalisation (Wu and He 2018), which does not depend on
    the batch. The encoder is trained with the rest, or a classifier of ImageNet (``encoder``) with
    what it does not see beside it: the fine detail of L, and the position.

    Args:
        width: filters of the first level, a multiple of 8: 8 makes 0.3 million parameters, 16 1.0
            million, 40 6.5 million.
        coordinates: whether the network is told where in the picture a pixel is (Liu et al. 2018).
        dropout: share of the channels of the coarsest level that are left out in training.
        stride: of the output. 4 leaves out the finest level, which costs most and gains little:
            true colours at 1/4 of 256 px, upsampled, are 39 dB from the truth.
        encoder: arguments of a :class:`PretrainedEncoder`; None trains an encoder from scratch.
        queries: colours that are learned and look at the whole picture; see :class:`ColorQueries`.
        channels: of the raw output.

    Raises:
        InputError: for a width that cannot be normalised in groups of 8.
    """

    def __init__(
        self,
        width: int,
        coordinates: bool,
        dropout: float,
        stride: int = 2,
        encoder: Mapping[str, Any] | None = None,
        queries: int = 0,
        channels: int = 2,
    ) -> None:
        super().__init__()
        if width < GROUPS or width % GROUPS:
            raise InputError(f"network.width is {width}; it must be a multiple of {GROUPS}")
        self.upsampling = Upsampling(stride, "bilinear")
        self.coordinates = coordinates
        beside = 2 if coordinates else 0
        self.encoder: ScratchEncoder | ClassifierEncoder = (
            ClassifierEncoder(1 + beside, width, stride, PretrainedEncoder(**encoder))
            if encoder
            else ScratchEncoder(1 + beside, width, stride)
        )
        widths = self.encoder.widths
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            Up(below, beside) for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.queries = ColorQueries(queries, widths[:0:-1], width) if queries else None
        self.head = nn.Conv2d(width + queries, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        multiple = self.upsampling.stride * 2 ** (len(self.encoder.widths) - 1)
        return run_at_multiple(self.run, x, multiple, self.upsampling.stride)

    def run(self, x: Tensor) -> Tensor:
        """Run on x (B,C,H,W) whose sides divide by 2 at every level."""
        if self.coordinates:
            x = torch.cat([x, make_positions(x)], dim=1)
        skips = self.encoder(x)
        x = self.dropout(skips.pop())
        maps = []
        for up in self.decoder:
            maps.append(x)
            x = up(x, skips.pop())
        if self.queries:
            x = torch.cat([x, self.queries(maps, x)], dim=1)
        raw: Tensor = self.head(x)
        return raw

    def start(self, constant: Tensor) -> None:
        """Start at the best constant colour; read the classifier's weights."""
        super().start(constant)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.copy_(constant)  # type: ignore[union-attr]


class Up(nn.Module):
    """Joins a coarser map with a skip connection, at the skip's resolution."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(below, beside, 1)
        self.block = Block(beside, beside)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.block(F.interpolate(self.narrow(x), scale_factor=2) + skip)
        return y


class ColorQueries(nn.Module):
    """Learned colours that ask the coarse maps what is in the picture, then look for its pixels.

    As the colour decoder of Kang et al. 2023 (DDColor): each query attends to the decoder's maps,
    the coarsest first, and answers for every pixel how much it is meant.

    Args:
        count: of the queries.
        widths: channels of the maps, the coarsest first; the last map is the finest but one.
        width: channels of the finest map, and of a query.
    """

    def __init__(self, count: int, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, count, width))
        self.keys = nn.ModuleList(nn.Linear(channels, 2 * width) for channels in widths)
        self.asks = nn.ModuleList(nn.Linear(width, width) for _ in widths)
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 4 * width),
                nn.SiLU(),
                nn.Linear(4 * width, width),
            )
            for _ in widths
        )

    def forward(self, maps: Sequence[Tensor], finest: Tensor) -> Tensor:
        """Return a map for each query, (B,count,H,W), for the finest map (B,width,H,W)."""
        found = self.start.expand(len(finest), -1, -1)
        for seen, key, ask, step in zip(maps, self.keys, self.asks, self.steps, strict=True):
            k, v = key(seen.flatten(2).transpose(1, 2)).chunk(2, dim=-1)
            found = found + F.scaled_dot_product_attention(ask(found), k, v)
            found = found + step(found)
        rows: Tensor = (found / found.shape[-1] ** 0.5) @ finest.flatten(2)
        return rows.view(*rows.shape[:2], *finest.shape[-2:])


def make_positions(x: Tensor) -> Tensor:
    """Return row and column of every pixel of x (B,C,H,W), -1..1, as (B,2,H,W)."""
    height, width = x.shape[-2:]
    row = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None]
    column = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)[None]
    field = torch.stack([row.expand(height, width), column.expand(height, width)])
    return field.expand(x.shape[0], -1, -1, -1)


class ScratchEncoder(nn.Module):
    """Computes a map of (B,C,H,W) for each of ``widths``, at 1/stride, half of that and so on."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.widths = [width * depth for depth in DEPTHS]
        self.stem = nn.Conv2d(inputs, width, 3, stride // 2, padding=1)
        self.blocks = nn.ModuleList(
            Block(before, after, stride=2) for before, after in pairwise([width, *self.widths])
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps


class ClassifierEncoder(nn.Module):
    """Computes the maps of :class:`ScratchEncoder` from a classifier's, which sees L alone."""

    def __init__(self, inputs: int, width: int, stride: int, classifier: PretrainedEncoder) -> None:
        super().__init__()
        self.stride = stride
        self.classifier = classifier
        self.finer = sum(of < stride for of in classifier.strides)  # maps that are left out
        # Level 0 is at 1/stride.
        self.levels = [round(math.log2(of / stride)) for of in classifier.strides[self.finer :]]
        if set(self.levels) | {0} != set(range(len(DEPTHS))[: max(self.levels) + 1]):
            raise InputError(
                f"network.encoder.name is {classifier.name!r}, whose feature maps leave out a "
                f"level: they are at 1/{classifier.strides} of the photograph's resolution"
            )
        self.widths = [width * depth for depth in DEPTHS[: max(self.levels) + 1]]
        self.stem = nn.Conv2d(inputs, width, stride + 1, stride, padding=stride // 2)
        self.adapters = nn.ModuleDict(
            {
                str(level): nn.Conv2d(channels, self.widths[level], 1)
                for level, channels in zip(
                    self.levels, classifier.channels[self.finer :], strict=True
                )
            }
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: dict[int, Tensor] = {0: self.stem(x)}
        features_of = self.classifier(x[:, :1])[self.finer :]
        for level, features in zip(self.levels, features_of, strict=True):
            size = [side // self.stride >> level for side in x.shape[-2:]]
            adapted = self.adapters[str(level)](features)
            if list(adapted.shape[-2:]) != size:  # classifiers without padding lose their borders
                adapted = F.interpolate(adapted, size, mode="bilinear", align_corners=False)
            maps[level] = maps[level] + adapted if level in maps else adapted
        return [maps[level] for level in sorted(maps)]


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
        self.stride = stride
        is_same = before == after and stride == 1
        self.shortcut = nn.Identity() if is_same else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        # No strided convolution: with 8 channels, two threads and an odd batch, oneDNN 3.x (PyTorch
        # 2.15) writes beyond its memory in the gradient of one.
        below = x[..., :: self.stride, :: self.stride]
        y: Tensor = self.shortcut(below) + self.second(self.first(x))
        return y
