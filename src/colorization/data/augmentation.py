"""Change training photographs at random, on the device, in RGB before the conversion to Lab."""

import kornia.augmentation as K
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn

from colorization.color import LabBatch

GROWTH = ((0.45, 2 / 3), (0.65, 5 / 6))
"""Until which share of the training pictures have which share of their size, with ``grow``."""
OLD_CONTRAST = 0.5  # of a faded print's lightness, at least
OLD_NOISE = 4.0  # largest standard deviation of the noise, units of L
OLD_GAMMA = 0.35  # largest logarithm, either way


class Augmentation(nn.Module):
    """Flip, rotate, shift, zoom and brighten float32 sRGB (B,3,H,W) in 0..1.

    Brightness changes RGB and the Lab taken from it afterwards, so a and b are never stale.

    Args:
        flip_horizontal, flip_vertical: probabilities.
        rotation: largest angle either way in degrees, drawn uniformly.
        shift: largest shift either way, as a share of the side.
        zoom: factors are drawn from 1 - zoom to 1 + zoom.
        brightness, contrast: factors drawn from 1 - value to 1 + value.
        crop: smallest share of the side that a random crop keeps; 1 is none.
        grow: whether pictures are smaller at first (Karras et al. 2018), see ``GROWTH``.
        aged: share of the photographs whose L looks like an old print's; see :meth:`age`.
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
        crop: float = 1,
        grow: bool = False,
        aged: float = 0,
    ) -> None:
        super().__init__()
        self.crop = crop
        self.grow = grow
        self.aged = aged
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
        changes = (rotation, shift, zoom, brightness, contrast, 1 - crop, aged)
        self.is_repeating = not any(changes)
        """Whether a photograph of one size is always the same picture, or its mirror image."""

    @torch.no_grad()
    def forward(self, rgb: Tensor, progress: float = 1) -> Tensor:
        """Change pictures, after a share ``progress`` of the training."""
        size = rgb.shape[-1]
        if self.grow:
            shares = [share for until, share in GROWTH if progress < until]
            size = round(size * min(shares, default=1))
        with torch.autocast(rgb.device.type, enabled=False):
            if self.crop < 1 or size < rgb.shape[-1]:
                rgb = crop_at_random(rgb, self.crop, size)
            changed: Tensor = self.steps(rgb)
        return changed.clamp(0, 1)

    @torch.no_grad()
    def age(self, batch: LabBatch) -> LabBatch:
        """Make the lightness of some photographs an old print's; a and b stay the truth.

        The print has faded to less contrast, another gamma, noise and, half of the time, blur.
        """
        if not self.aged:
            return batch
        L = batch.L
        count = len(L)

        def draw(low: float, high: float) -> Tensor:
            return torch.empty(count, 1, 1, 1, device=L.device).uniform_(low, high)

        old = (L / 100) ** draw(-OLD_GAMMA, OLD_GAMMA).exp()
        contrast = draw(OLD_CONTRAST, 1)
        old = 100 * (contrast * old + (1 - contrast) * draw(0, 1))
        is_blurred = draw(0, 1) < 0.5
        old = torch.where(is_blurred, gaussian_blur2d(old, (5, 5), (1.0, 1.0)), old)
        old = (old + torch.randn_like(old) * draw(0, OLD_NOISE)).clamp(0, 100)
        return LabBatch(torch.where(draw(0, 1) < self.aged, old, L), batch.ab)


def crop_at_random(rgb: Tensor, smallest: float, size: int) -> Tensor:
    """Crop a square from each picture of (B,3,S,S), and bring it to ``size`` px bilinearly.

    Its side is drawn uniformly from ``smallest`` to 1 of S, its place uniformly.
    """
    count = len(rgb)
    side = torch.empty(count, device=rgb.device).uniform_(smallest, 1)
    place = (torch.rand(count, 2, device=rgb.device) * 2 - 1) * (1 - side)[:, None]
    affine = torch.zeros(count, 2, 3, device=rgb.device)
    affine[:, 0, 0] = affine[:, 1, 1] = side
    affine[:, :, 2] = place
    grid = nn.functional.affine_grid(affine, [count, 3, size, size], align_corners=False)
    return nn.functional.grid_sample(rgb, grid, padding_mode="border", align_corners=False)
