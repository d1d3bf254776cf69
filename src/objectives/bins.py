"""Classification: the raw output is a distribution over colours (Zhang et al. 2016).

"Colorful Image Colorization", equations 1 to 5. The paper of 2018 names it as a next step.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from src.color import from_uint8, rgb_to_lab
from src.errors import InputError
from src.networks.sizes import Upsampling
from src.objectives.base import Objective

NEIGHBORS = 5  # bins that a colour is spread over
RAREST = 1e-6  # probability that a bin starts with, if the training set has none of it
SPREAD = 5.0  # standard deviation, CIE units, of that and of the smoothing of the frequencies


class ColorBins(Objective):
    """Cross-entropy with softly encoded colours, weighted by rarity; decoded by annealed mean.

    Args:
        grid: side of a bin in CIE units.
        temperature: of the annealed mean: 1 is the mean of the distribution, near 0 its mode.
        uniform: share of the uniform distribution in what weighs the classes: 1 weighs all alike,
            0 by their inverse frequency alone.
    """

    centers: Tensor
    weights: Tensor

    def __init__(self, grid: int, temperature: float, uniform: float) -> None:
        super().__init__()
        self.grid = grid
        self.temperature = temperature
        self.uniform = uniform
        centers = colors_in_srgb(grid)
        self.channels = len(centers)
        self.register_buffer("centers", centers)
        self.register_buffer("weights", torch.ones(self.channels))
        self.register_load_state_dict_pre_hook(check_grid)  # type: ignore[no-untyped-call]

    def start(self, ab: Iterable[Tensor]) -> Tensor:
        """Weigh the classes by their smoothed frequency (equation 4)."""
        total = torch.zeros(self.channels)
        for batch in ab:
            total += self.encode(batch).sum(dim=(0, 2, 3))
        share = self.smooth(total / total.sum())
        weights = 1 / ((1 - self.uniform) * share + self.uniform / self.channels)
        self.weights.copy_(weights / (share * weights).sum())
        return (share * self.weights).clamp(min=RAREST).log()

    def smooth(self, share: Tensor) -> Tensor:
        """Spread the classes' shares (Q,) over their neighbours in the ab plane."""
        kernel = gaussian(torch.cdist(self.centers, self.centers))
        smoothed: Tensor = kernel / kernel.sum(dim=0) @ share
        return smoothed

    def encode(self, ab: Tensor) -> Tensor:
        """Spread ab (B,2,H,W) over the nearest bins, as a distribution (B,Q,H,W) (equation 2)."""
        pixels = ab.permute(0, 2, 3, 1)
        near = torch.cdist(pixels.flatten(0, 2), self.centers).topk(NEIGHBORS, largest=False)
        shares = gaussian(near.values)
        shares = shares / shares.sum(dim=1, keepdim=True)
        spread = pixels.new_zeros(len(shares), self.channels).scatter_(1, near.indices, shares)
        return spread.view(*pixels.shape[:3], self.channels).permute(0, 3, 1, 2)

    def decode(self, raw: Tensor) -> Tensor:
        """The annealed mean (equation 5)."""
        shares = (raw.float() / self.temperature).softmax(dim=1)
        return torch.einsum("bqhw,qc->bchw", shares, self.centers)

    def uncertainty(self, raw: Tensor) -> Tensor:
        """Entropy of the distribution, 1 where every bin is as likely."""
        logs = raw.float().log_softmax(dim=1)
        entropy = -(logs.exp() * logs).sum(dim=1, keepdim=True)
        return entropy / torch.tensor(float(self.channels)).log()

    def forward(self, raw: Tensor, ab: Tensor, upsampling: Upsampling) -> Tensor:
        """Weighted cross-entropy (equations 2 and 3) with the true ab at the output's resolution.

        The weight of a pixel is that of its likeliest bin; all weights have a mean of 1.
        """
        with torch.no_grad():
            truth = self.encode(F.interpolate(ab, raw.shape[-2:], mode="area"))
            weights = self.weights[truth.argmax(dim=1)]
        losses = -(truth * raw.float().log_softmax(dim=1)).sum(dim=1)
        return (weights * losses).mean()


def check_grid(bins: ColorBins, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Raise InputError if what is to be loaded was trained with other bins."""
    found = state.get(f"{prefix}centers")
    if found is not None and not torch.equal(found.cpu(), bins.centers.cpu()):
        raise InputError(
            f"{len(found)} colour bins of another grid than the {bins.channels} of "
            f"objective.grid={bins.grid}"
        )


def gaussian(distance: Tensor) -> Tensor:
    """Unnormalised, of distances in CIE units."""
    return torch.exp(-distance.square() / (2 * SPREAD**2))


@cache
def colors_in_srgb(grid: int) -> Tensor:
    """Centres (Q,2) of the bins of ab, ``grid`` CIE units wide, that hold a colour of sRGB."""
    axis = torch.arange(0, 256, 3, dtype=torch.uint8)
    rgb = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)
    ab = rgb_to_lab(from_uint8(rgb)[None, :, None]).ab[0, :, 0]
    bins: Tensor = torch.unique((ab / grid).round(), dim=1)
    return bins.T * grid
