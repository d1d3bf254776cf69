"""Change training photographs at random, on the device, in RGB before the conversion to Lab."""

import kornia.augmentation as K
import torch
from torch import Tensor, nn


class Augmentation(nn.Module):
    """Flip, rotate, shift, zoom and brighten float32 sRGB (B,3,H,W) in 0..1.

    Brightness changes RGB and the Lab taken from it afterwards, so a and b are never stale.

    Args:
        flip_horizontal, flip_vertical: probabilities.
        rotation: largest angle either way in degrees, drawn uniformly.
        shift: largest shift either way, as a share of the side.
        zoom: factors are drawn from 1 - zoom to 1 + zoom.
        brightness, contrast: factors drawn from 1 - value to 1 + value.
        border: what fills the edges: ``border`` (the nearest pixel), ``reflection``, ``zeros``.
    """

    def __init__(
        self,
        flip_horizontal: float,
        flip_vertical: float,
        rotation: float,
        shift: float,
        zoom: float,
        brightness: float,
        contrast: float,
        border: str,
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        if flip_horizontal:
            steps.append(K.RandomHorizontalFlip(p=flip_horizontal))
        if flip_vertical:
            steps.append(K.RandomVerticalFlip(p=flip_vertical))
        if rotation or shift or zoom:
            affine = K.RandomAffine(
                degrees=rotation,
                translate=(shift, shift) if shift else None,
                scale=(1 - zoom, 1 + zoom) if zoom else None,
                padding_mode=border,
                p=1.0,
            )
            steps.append(affine)
        if brightness or contrast:
            order = [step for step, value in enumerate((brightness, contrast)) if value]
            steps.append(K.ColorJitter(brightness, contrast, p=1.0, order=order))
        self.steps = nn.Sequential(*steps)
        self.is_repeating = not any((rotation, shift, zoom, brightness, contrast))
        """Whether every epoch has the same photographs, or their mirror images."""

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> Tensor:
        with torch.autocast(rgb.device.type, enabled=False):
            changed: Tensor = self.steps(rgb)
        return changed.clamp(0, 1)
