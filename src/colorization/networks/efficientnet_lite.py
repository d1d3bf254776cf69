"""EfficientNet-lite (Tan and Le 2019, without squeeze and excitation): the maps of its levels.

The layers and their names are those of timm's ``tf_efficientnet_lite``, so that weights fit both.
timm has them too, but takes longer to import than PyTorch: too long to colour one photograph.
"""

import math

import torch
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

    Batch normalisation always uses the statistics that were learned with the weights.

    Args:
        name: one of ``SCALES``.
    """

    mean = std = (0.5, 0.5, 0.5)
    """What the input is normalised with, of sRGB in 0..1."""

    def __init__(self, name: str) -> None:
        super().__init__()
        wider, deeper = SCALES[name]
        self.conv_stem = Convolution(3, STEM, 3, stride=2)
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
        x = F.relu6(self.conv_stem(x, self.bn1))
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
        self.conv_dw = Convolution(before, before, 3, groups=before)
        self.bn1 = make_norm(before)
        self.conv_pw = Convolution(before, after, 1)
        self.bn2 = make_norm(after)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_pw(F.relu6(self.conv_dw(x, self.bn1)), self.bn2)
        return y


class Block(nn.Module):
    """Widens, filters each channel, narrows; a shortcut where the shape stays (Sandler 2018)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        inside = before * EXPANSION
        self.conv_pw = Convolution(before, inside, 1)
        self.bn1 = make_norm(inside)
        self.conv_dw = Convolution(inside, inside, kernel, stride, groups=inside)
        self.bn2 = make_norm(inside)
        self.conv_pwl = Convolution(inside, after, 1)
        self.bn3 = make_norm(after)
        self.has_shortcut = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.conv_pw(x, self.bn1))
        filtered = F.relu6(self.conv_dw(wide, self.bn2))
        y: Tensor = self.conv_pwl(filtered, self.bn3)
        return x + y if self.has_shortcut else y


class Convolution(nn.Conv2d):
    """Convolves and normalises in one step; its output is 1/stride of its input, rounded up.

    Pads as TensorFlow does. Filters of single channels are trained in float32 on a CPU, in mixed
    precision too: PyTorch 2.15 takes 5 to 10 times as long for their gradients in bfloat16.
    """

    def __init__(
        self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(before, after, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor, norm: nn.BatchNorm2d) -> Tensor:  # type: ignore[override]
        """Return ``norm(convolution(x))``, with the statistics that ``norm`` has learned."""
        x = self.pad(x)
        if torch.onnx.is_in_onnx_export():  # apart, so that weights of half precision stay so
            y: Tensor = norm(self._conv_forward(x, self.weight, None))
            return y
        assert isinstance(norm.running_mean, Tensor)
        assert isinstance(norm.running_var, Tensor)
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight = self.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        if self.groups == 1 or x.device.type != "cpu" or not weight.requires_grad:
            return self._conv_forward(x, weight, bias)  # type: ignore[no-any-return]
        with torch.autocast("cpu", enabled=False):
            return self._conv_forward(x.float(), weight, bias).to(x.dtype)  # type: ignore[no-any-return]

    def pad(self, x: Tensor) -> Tensor:
        """Pad x where there is a stride: more right and below."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return x
        missing = [max(-side % stride + kernel - stride, 0) for side in x.shape[2:]]
        above, left = (count // 2 for count in missing)
        return F.pad(x, (left, missing[1] - left, above, missing[0] - above))


def make_norm(channels: int) -> nn.BatchNorm2d:
    """Make batch normalisation with TensorFlow's epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3)


def round_to_8(channels: float) -> int:
    """Round to the nearest multiple of 8 that is at most a tenth smaller."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found
