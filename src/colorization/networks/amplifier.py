"""A network after the colorizer that corrects its colours in RGB."""

import torch
from torch import Tensor, nn

from colorization.color import lab_to_rgb, rgb_to_lab

HIDDEN = 3  # layers
REACH = HIDDEN + 1  # px, that it sees to each side


class Amplifier(nn.Module):
    """Adds to a coloured photograph's RGB, and puts its L back; before training, it adds nothing.

    One of the paper's next steps. It sees 9 px across. ab changes by the change of the clipped RGB,
    so that colours outside sRGB stay as they are where nothing is added.

    Args:
        width: filters of its three hidden layers; 24 makes 11,739 parameters.
        weight: of its error in RGB in the loss; the objective's is 1.
    """

    def __init__(self, width: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        layers: list[nn.Module] = []
        before = 3
        for _ in range(HIDDEN):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.SiLU()]
            before = width
        last = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, last)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Correct ab (B,2,H,W) of L (B,1,H,W) in 0..100; CIE units, float32."""
        before = lab_to_rgb(L, ab)
        after = (before + self.layers(before * 2 - 1).float()).clamp(0, 1)
        with torch.autocast(L.device.type, enabled=False):
            return ab + (rgb_to_lab(after).ab - rgb_to_lab(before).ab)
