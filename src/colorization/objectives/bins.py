"""Classify each pixel into colour bins (Zhang et al. 2016, "Colorful Image Colorization").

Equations 1 to 5 there. The course paper of 2018 names it as a next step.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import from_uint8, rgb_to_lab
from colorization.errors import InputError
from colorization.networks.resize import Upsampling
from colorization.objectives.base import Objective

NEIGHBORS = 5  # bins that a colour is spread over
CANDIDATES = 12  # nearest to the whole a and b: the nearest of any colour are among them
REACH = 128  # CIE units of a and b, either side of zero, with known candidates
RAREST = 1e-6  # share of a bin without training pixels
LIKELY = 6  # colours that are offered for a pixel
APART = 20.0  # CIE units between them
SPREAD = 5.0  # standard deviation, CIE units, of that and of the smoothing of the frequencies


class ColorBins(Objective):
    """Cross-entropy with softly encoded colours, weighted by rarity; decoded by annealed mean.

    Args:
        grid: side of a bin in CIE units.
        temperature: of the annealed mean: 1 is the mean of the distribution, near 0 its mode.
        uniform: share of the uniform distribution in the weights of the classes: 1 gives all the
            same weight, 0 their inverse frequency.
    """

    monitor = "val/loss"  # the mean squared error is smallest where colours are still dull
    centers: Tensor
    weights: Tensor

    def __init__(self, grid: int, temperature: float, uniform: float) -> None:
        super().__init__()
        self.grid = grid
        self.temperature = temperature
        self.uniform = uniform
        centers = colors_in_srgb(grid)
        self.channels = len(centers)
        self.register_buffer("centers", centers.clone())
        self.register_buffer("weights", torch.ones(self.channels))
        self.register_load_state_dict_pre_hook(check_grid)  # type: ignore[no-untyped-call]

    def start(self, ab: Iterable[Tensor]) -> Tensor:
        """Weigh the classes by their smoothed frequency (equation 4)."""
        total = torch.zeros(self.channels, dtype=torch.float64)
        for batch in ab:
            bins, shares = self.encode(batch)
            total.index_add_(0, bins.flatten(), shares.flatten().double())
        share = self.smooth((total / total.sum()).float()).clamp(min=RAREST)
        weights = 1 / ((1 - self.uniform) * share + self.uniform / self.channels)
        self.weights.copy_(weights / (share * weights).sum())
        return (share * self.weights).log()

    def smooth(self, share: Tensor) -> Tensor:
        """Smooth the classes' shares (Q,) over their neighbours in the ab plane."""
        kernel = gaussian_kernel(torch.cdist(self.centers, self.centers))
        smoothed: Tensor = kernel / kernel.sum(dim=0) @ share
        return smoothed

    def encode(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Spread ab (B,2,H,W) softly over the nearest bins (equation 2).

        Returns:
            The bins, nearest first, and their shares, which sum to 1; both (B,H,W,5).
        """
        pixels = ab.permute(0, 2, 3, 1)
        row, column = (pixels.round().long() + REACH).clamp(0, 2 * REACH).unbind(dim=-1)
        near = nearest_bins(self.grid, pixels.device)[row, column]
        distances = (pixels[..., None, :] - self.centers[near]).norm(dim=-1)
        nearest = distances.topk(NEIGHBORS, largest=False)
        shares = gaussian_kernel(nearest.values)
        return near.gather(-1, nearest.indices), shares / shares.sum(dim=-1, keepdim=True)

    def decode(self, raw: Tensor) -> Tensor:
        """Return the annealed mean of the distribution (equation 5)."""
        shares = (to_logits(raw) / self.temperature).softmax(dim=-1)
        with torch.autocast(raw.device.type, enabled=False):
            return (shares @ self.centers).permute(0, 3, 1, 2)

    def uncertainty(self, raw: Tensor) -> Tensor:
        """Return the distribution's standard deviation: the root of the mean squared distance."""
        shares = to_logits(raw).softmax(dim=-1)
        with torch.autocast(raw.device.type, enabled=False):
            mean = shares @ self.centers
            squares = shares @ self.centers.square().sum(dim=-1)
        return (squares - mean.square().sum(dim=-1)).clamp(min=0).sqrt()[:, None]

    def likely(self, raw: Tensor) -> Tensor:
        """Return the likeliest bins that are 20 units or more apart, the likeliest first."""
        shares = raw.float().softmax(dim=-1).mean(dim=0)
        found = []
        for _ in range(LIKELY):
            found.append(self.centers[shares.argmax()])
            shares = shares * ((self.centers - found[-1]).norm(dim=-1) >= APART)
        return torch.stack(found)

    def forward(self, raw: Tensor, ab: Tensor, upsampling: Upsampling) -> Tensor:
        """Return the weighted cross-entropy (equations 2 and 3) at the output's resolution.

        The weight of a pixel is that of its nearest bin; all weights have a mean of 1.
        """
        bins, shares = self.encode(F.interpolate(ab, raw.shape[-2:], mode="area"))
        scores = to_logits(raw)
        losses = scores.logsumexp(dim=-1) - (shares * scores.gather(-1, bins)).sum(dim=-1)
        return (self.weights[bins[..., 0]] * losses).mean()


def to_logits(raw: Tensor) -> Tensor:
    """Convert raw output (B,Q,h,w) to float32 (B,h,w,Q)."""
    return raw.permute(0, 2, 3, 1).float()


def check_grid(bins: ColorBins, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Raise InputError if the weights to load were trained with other bins."""
    found = state.get(f"{prefix}centers")
    if found is not None and not torch.equal(found.cpu(), bins.centers.cpu()):
        raise InputError(
            f"{len(found)} colour bins of another grid than the {bins.channels} of "
            f"objective.grid={bins.grid}"
        )


def gaussian_kernel(distance: Tensor) -> Tensor:
    """Return an unnormalised Gaussian of distances in CIE units."""
    return torch.exp(-distance.square() / (2 * SPREAD**2))


@cache
def colors_in_srgb(grid: int) -> Tensor:
    """Return the centres (Q,2) of the bins, ``grid`` CIE units wide, that hold a colour of sRGB."""
    axis = torch.arange(0, 256, 3, dtype=torch.uint8)
    rgb = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)
    ab = rgb_to_lab(from_uint8(rgb)[None, :, None]).ab[0, :, 0]
    row, column = (ab / grid).round().long() + REACH
    found = torch.unique(row * 2 * REACH + column)  # whole numbers sort faster than pairs do
    return torch.stack([found // (2 * REACH), found % (2 * REACH)], dim=1).sub(REACH).float() * grid


@cache
def nearest_bins(grid: int, device: torch.device) -> Tensor:
    """Find the 12 bins nearest to every whole a and b, (257,257,12).

    Only training asks for them: they take longer than to load a model.
    """
    with torch.inference_mode(False):
        axis = torch.arange(-REACH, REACH + 1.0)
        ab = torch.cartesian_prod(axis, axis)
        near = torch.cdist(ab, colors_in_srgb(grid)).topk(CANDIDATES, largest=False).indices
        return near.view(len(axis), len(axis), CANDIDATES).to(device)
