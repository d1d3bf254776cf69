"""EfficientNet-lite (Tan and Le 2019, without squeeze and excitation): the maps of its levels.

The layers and their names are those of timm's ``tf_efficientnet_lite``, so that weights fit both.
timm has them too, but takes longer to import than PyTorch: too long to colour one photograph.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

SCALES = {
    "tf_efficientnet_lite0": (1.0, 1.0),
    "tf_efficientnet_lite1": (1.0, 1.1),
    "tf_efficientnet_lite2": (1.1, 1.2),
    "tf_efficientnet_lite3": (1.2, 1.4),
    "tf_efficientnet_lite4": (1.4, 1.8),
}
"""Factors of the numbers of channels and of blocks, by name."""

STEM = 32  # channels
EXPANSION = 6
# Blocks, kernel, stride and channels of each stage; the first has a block of its own kind.
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)
LEVELS = {0: 2, 1: 4, 2: 8, 4: 16, 6: 32}
"""The stages whose output is given, and its stride."""


class EfficientNetLite(nn.Module):
    """Computes maps of normalised RGB (B,3,H,W) at 1/2, 1/4, 1/8, 1/16 and 1/32 of its resolution.

    Args:
        name: one of ``SCALES``.
    """

    mean = std = (0.5, 0.5, 0.5)
    """What the input is normalised with, of sRGB in 0..1."""

    def __init__(self, name: str) -> None:
        super().__init__()
        wider, deeper = SCALES[name]
        self.conv_stem = make_convolution(3, STEM, 3, stride=2)
        self.bn1 = make_norm(STEM)
        widths = [round_to_8(filters * wider) for *_, filters in STAGES]
        stages: list[nn.Module] = [nn.Sequential(FirstBlock(STEM, widths[0]))]
        for index, (repeats, kernel, stride, _) in enumerate(STAGES[1:], start=1):
            before, after = widths[index - 1 : index + 1]
            is_last = index == len(STAGES) - 1  # which is not made deeper
            more = 0 if is_last else math.ceil(repeats * deeper) - 1
            blocks = [Block(after, after, kernel, 1) for _ in range(more)]
            stages.append(nn.Sequential(Block(before, after, kernel, stride), *blocks))
        self.blocks = nn.Sequential(*stages)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # as Tan and Le start it
                fan_out = layer.kernel_size[0] ** 2 * layer.out_channels // layer.groups
                nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
        self.channels = [widths[index] for index in LEVELS]
        self.strides = list(LEVELS.values())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu6(self.bn1(self.conv_stem(x)))
        maps = []
        for index, stage in enumerate(self.blocks):
            x = stage(x)
            if index in LEVELS:
                maps.append(x)
        return maps


class FirstBlock(nn.Module):
    """Filters each channel, then mixes them."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv_dw = make_convolution(before, before, 3, groups=before)
        self.bn1 = make_norm(before)
        self.conv_pw = nn.Conv2d(before, after, 1, bias=False)
        self.bn2 = make_norm(after)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv_pw(F.relu6(self.bn1(self.conv_dw(x)))))
        return y


class Block(nn.Module):
    """Widens, filters each channel, narrows; a shortcut where the shape stays (Sandler 2018)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = before * EXPANSION
        self.conv_pw = nn.Conv2d(before, inside, 1, bias=False)
        self.bn1 = make_norm(inside)
        self.conv_dw = make_convolution(inside, inside, kernel, stride, groups=inside)
        self.bn2 = make_norm(inside)
        self.conv_pwl = nn.Conv2d(inside, after, 1, bias=False)
        self.bn3 = make_norm(after)
        self.has_shortcut = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.bn1(self.conv_pw(x)))
        filtered = F.relu6(self.bn2(self.conv_dw(wide)))
        y: Tensor = self.bn3(self.conv_pwl(filtered))
        return x + y if self.has_shortcut else y


class SameConvolution(nn.Conv2d):
    """Pads as TensorFlow does before a convolution with stride: more right and below."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = [max(-side % stride + kernel - stride, 0) for side in x.shape[2:]]
        above, left = (count // 2 for count in missing)
        x = F.pad(x, (left, missing[1] - left, above, missing[0] - above))
        return super().forward(x)


def make_norm(channels: int) -> nn.BatchNorm2d:
    """Make batch normalisation with TensorFlow's epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3)


def make_convolution(
    before: int, after: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Make a convolution whose output is 1/stride of its input, rounded up."""
    if stride == 1:
        return nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups, bias=False)
    return SameConvolution(before, after, kernel, stride, groups=groups, bias=False)


def round_to_8(channels: float) -> int:
    """Round to the nearest multiple of 8 that is at most a tenth smaller."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found
