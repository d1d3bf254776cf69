"""Encode hints as input planes of a network: the hints, and their colours spread around them.

A few hundred photographs are too few for a network to learn how far a spot of a few pixels reaches;
with this beside the spots it has only to learn when to believe it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS = 6  # a, b and where they are given; the same, spread
SCALE = 32.0  # CIE units, which the colours of hints are divided by
CELLS = 32  # along the shorter side: nearness is worked out between cells of a grid
REACH = 1 / 24  # of the shorter side: so far away a hint is half as sure
FALL = 4  # the power of that with which nearer hints outweigh others
ALIKE = 10.0  # of L, standard deviation
NEVER = -1e9


def encode_hints(L: Tensor, hints: Tensor) -> Tensor:
    """Encode hints (B,3,H,W) for L (B,1,H,W) as input planes (B,6,H,W), about -4 to 4."""
    planes = torch.cat([hints, spread_hints(L, hints)], dim=1)
    return planes / planes.new_tensor(2 * [SCALE, SCALE, 1])[:, None, None]


def spread_hints(L: Tensor, hints: Tensor) -> Tensor:
    """Spread hints (B,3,H,W) over a photograph L (B,1,H,W).

    Every pixel takes the mean of the colours given, weighed by how near and how alike in lightness
    their places are.

    Returns:
        a and b in CIE units, and how sure they are, from the largest of those weights, 0 to 1;
        (B,3,H,W) float32. All is 0 where there are no hints.
    """
    size = (L.shape[-2], L.shape[-1])
    scale = min(1, CELLS / min(size))
    grid = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    with torch.autocast(L.device.type, enabled=False):
        cells = F.interpolate(torch.cat([L, hints], dim=1).float(), grid, mode="area").flatten(2)
        lightness, sums, share = cells[:, :1], cells[:, 1:3], cells[:, 3:]
        colors = sums / share.clamp(min=1e-6)
        unlike = ((lightness.transpose(1, 2) - lightness) / ALIKE).square() / 2
        far = (1 + (distances(grid, L.device) / REACH).square()).log()
        weights = (-FALL * far - unlike).where(share > 0, NEVER)  # their logarithms
        field = weights.softmax(dim=2) @ colors.transpose(1, 2)
        sure = (weights.amax(dim=2, keepdim=True) / FALL).exp()
        told = torch.cat([field, sure], dim=2).transpose(1, 2)
        return F.interpolate(told.reshape(-1, 3, *grid), size, mode="bilinear")


def distances(grid: tuple[int, int], device: torch.device) -> Tensor:
    """Return the distances between the cells of a grid, (N,N), in shares of its shorter side."""
    rows, columns = (torch.arange(side, device=device) / min(grid) for side in grid)
    places = torch.cartesian_prod(rows, columns)
    return torch.cdist(places, places)
