"""The half of a U-Net that looks: trained with the rest, or a classifier of ImageNet."""

import math
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from colorization.errors import InputError
from colorization.networks.pretrained import PretrainedEncoder

GROUPS = 8
DEPTHS = (1, 2, 4, 8, 8)  # widths of the levels, in units of ``width``


class ScratchEncoder(nn.Module):
    """Input (B,C,H,W) to a map for each of ``widths``, at 1/2, 1/4 ... of its resolution."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.widths = [width * depth for depth in DEPTHS]
        self.stem = nn.Conv2d(inputs, width, 3, padding=1)
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
    """As :class:`ScratchEncoder`, from the feature maps of a classifier, which sees L alone.

    Hints, the channels after the first of ``inputs``, come in at every level.
    """

    def __init__(self, inputs: int, beside: int, width: int, classifier: PretrainedEncoder) -> None:
        super().__init__()
        self.hints = inputs - 1  # channels
        self.classifier = classifier
        # Level 0 is at 1/2.
        self.levels = [round(math.log2(stride)) - 1 for stride in classifier.strides]
        if set(self.levels) | {0} != set(range(len(DEPTHS))[: max(self.levels) + 1]):
            raise InputError(
                f"network.encoder.name is {classifier.name!r}, whose feature maps leave out a "
                f"level: they are at 1/{classifier.strides} of the photograph's resolution"
            )
        self.widths = [width * depth for depth in DEPTHS[: max(self.levels) + 1]]
        self.stem = nn.Conv2d(inputs + beside, width, 3, stride=2, padding=1)
        self.adapters = nn.ModuleDict(
            {
                str(level): nn.Conv2d(channels, self.widths[level], 1)
                for level, channels in zip(self.levels, classifier.channels, strict=True)
            }
        )
        self.hinted = nn.ModuleList(
            nn.Conv2d(self.hints, filters, 3, padding=1, bias=False)
            for filters in self.widths[1:]
            if self.hints
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: dict[int, Tensor] = {0: self.stem(x)}
        for level, features in zip(self.levels, self.classifier(x[:, :1]), strict=True):
            size = [side >> (level + 1) for side in x.shape[-2:]]
            adapted = self.adapters[str(level)](features)
            if list(adapted.shape[-2:]) != size:  # classifiers without padding lose their borders
                adapted = F.interpolate(adapted, size, mode="bilinear", align_corners=False)
            maps[level] = maps[level] + adapted if level in maps else adapted
        if self.hints:
            coarse = F.avg_pool2d(x[:, 1 : 1 + self.hints], 2)
            for level, convolution in enumerate(self.hinted, start=1):
                coarse = F.avg_pool2d(coarse, 2)
                maps[level] = maps[level] + convolution(coarse)
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
        # Not a convolution with stride: of 8 channels, oneDNN 3.x (PyTorch 2.15) writes beyond its
        # memory in the gradient of such a one, with two threads and an odd batch.
        below = x[..., :: self.stride, :: self.stride]
        y: Tensor = self.shortcut(below) + self.second(self.first(x))
        return y
