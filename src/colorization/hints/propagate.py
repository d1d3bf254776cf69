"""Correct colours by what hints say of them, near them and where the photograph looks alike.

What a hint adds to the colour that a model predicts is taken for a sample of a random field
(Gaussian process regression, Rasmussen and Williams 2006, section 2.2): two pixels have as much of
it in common as they are near each other, alike in lightness, and predicted to have alike colours.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 32  # along each side: what one hint covers within one of them counts as one
MOST = 2048  # such points of a photograph: beyond, cells are larger, for the work is their cube
COMMON = 0.1  # of the variance that all pixels of a photograph have in common
REACH = 1 / 4  # of the shorter side: so far apart half of the rest is left
ALIKE_L = 15.0  # standard deviation, CIE units
ALIKE_AB = 10.0  # likewise, of predicted colours
NOISE = 0.05  # variance of a hint, of the field's
CHUNK = 2**22  # numbers worked on at a time


class Points(NamedTuple):
    """Of a photograph: row and column in shares of its shorter side (N,2), L (N,1), ab (N,2)."""

    place: Tensor
    L: Tensor
    ab: Tensor

    def in_common(self, other: "Points") -> Tensor:
        """Correlation (N,M) of what hints add at these points and at others."""
        unlike = torch.cdist(self.L, other.L).square() / (2 * ALIKE_L**2)
        unlike += torch.cdist(self.ab, other.ab).square() / (2 * ALIKE_AB**2)
        far = 1 + (torch.cdist(self.place, other.place) / REACH).square()
        return COMMON + (1 - COMMON) * torch.exp(-unlike) * far.rsqrt()


def correct_colors(L: Tensor, ab: Tensor, hints: Tensor) -> Tensor:
    """Correct predicted colours by hints.

    Args:
        L: (B,1,H,W) in 0..100.
        ab: (B,2,H,W), CIE units.
        hints: (B,3,H,W).

    Returns:
        ab (B,2,H,W), float32; as it was where there are no hints.
    """
    with torch.autocast(L.device.type, enabled=False):
        parts = zip(L, ab.float(), hints, strict=True)
        return torch.stack([correct_one(*part) for part in parts])


def correct_one(L: Tensor, ab: Tensor, hints: Tensor) -> Tensor:
    """As :func:`correct_colors`, of one photograph."""
    if not hints[2].any():
        return ab
    sources, added, noise = hinted_points(L, ab, hints)
    weights = torch.linalg.solve(sources.in_common(sources) + noise, added)
    rows = max(1, CHUNK // len(weights))
    parts = zip(*(torch.split(values, rows) for values in pixel_points(L, ab)), strict=True)
    change = torch.cat([Points(*part).in_common(sources) @ weights for part in parts])
    return ab + change.T.view_as(ab)


def unexplained_share(L: Tensor, ab: Tensor, hints: Tensor) -> Tensor:
    """Return the share of the errors' standard deviation that hints leave, (B,1,H,W), 0 to 1."""
    left = []
    for photograph, colors, given in zip(L, ab.float(), hints, strict=True):
        sources, _, noise = hinted_points(photograph, colors, given)
        told = pixel_points(average_cells(photograph), average_cells(colors), L.shape).in_common(
            sources
        )
        known = torch.linalg.solve(sources.in_common(sources) + noise, told.T)
        left.append((1 - (told * known.T).sum(dim=1)).clamp(min=0).sqrt())
    grid = torch.stack(left).view(-1, 1, CELLS, CELLS)
    return F.interpolate(grid, L.shape[-2:], mode="bilinear")


def hinted_points(L: Tensor, ab: Tensor, hints: Tensor) -> tuple[Points, Tensor, Tensor]:
    """Return the points with hints (3,H,W), and what these add to the predicted colours (N,2).

    The last is the covariance (N,N) of their noise: a hint whose mask is below 1 is less sure.

    Pixels of one colour in one cell of a grid are one point, their mean; the grid is the finest of
    32, 16, ... 1 cells a side with which there are few enough.
    """
    height, width = L.shape[-2:]
    given = hints[2].flatten() > 0
    place = given.nonzero()[:, 0]
    colors = hints[:2].flatten(1).T[given]
    for side in (CELLS >> halved for halved in range(CELLS.bit_length())):
        cell = place // width * side // height * side + place % width * side // width
        alike = torch.cat([cell[:, None].to(colors), (colors * 10).round()], dim=1)
        different, which = torch.unique(alike, dim=0, return_inverse=True)
        if len(different) <= MOST:
            break
    sure = hints[2].flatten()[given][:, None]
    values = torch.cat([*(part[given] for part in pixel_points(L, ab)), colors, sure], dim=1)
    count = len(different)
    sums = values.new_zeros(count, values.shape[1]).index_add_(0, which, values)
    means = sums / which.bincount(minlength=count)[:, None].clamp(min=1)
    where, lightness, predicted, wanted, sure = torch.split(means, [2, 1, 2, 2, 1], dim=1)
    noise = torch.diag(NOISE / sure[:, 0].square())
    return Points(where, lightness, predicted), wanted - predicted, noise


def pixel_points(L: Tensor, ab: Tensor, shape: torch.Size | None = None) -> Points:
    """Turn L (1,h,w) and ab (2,h,w) into points; ``shape`` is the photograph's, if larger."""
    height, width = (shape or L.shape)[-2:]
    rows, columns = (
        (torch.arange(count, device=L.device) + 0.5) / count * side / min(height, width)
        for count, side in zip(L.shape[-2:], (height, width), strict=True)
    )
    return Points(torch.cartesian_prod(rows, columns), L.flatten(1).T, ab.flatten(1).T)


def average_cells(values: Tensor) -> Tensor:
    """Average values (C,H,W) over a grid of cells, (C,32,32)."""
    return F.interpolate(values[None], (CELLS, CELLS), mode="area")[0]


def suggest_places(L: Tensor, ab: Tensor, uncertainty: Tensor, hints: Tensor, count: int) -> Tensor:
    """Suggest rows and columns (B,N,2) for the next hints, the best first.

    With errors as large as the uncertainty, and as much in common as :mod:`.propagate`
    takes them to have, each is where the squared error of the whole photograph falls most
    (Gaussian process regression; Seo et al. 2000, "active learning Cohn").

    Args:
        L: (B,1,H,W) in 0..100.
        ab: predicted (B,2,H,W), CIE units.
        uncertainty: (B,1,H,W), CIE units.
        hints: (B,3,H,W), those given so far.
        count: N, at most 1024.
    """
    with torch.autocast(L.device.type, enabled=False):
        parts = zip(L, ab.float(), uncertainty.float(), hints, strict=True)
        return torch.stack([suggest_for_one(*part, count) for part in parts])


def suggest_for_one(
    L: Tensor, ab: Tensor, uncertainty: Tensor, hints: Tensor, count: int
) -> Tensor:
    """As :func:`suggest_places`, of one photograph."""
    height, width = L.shape[-2:]
    grid = pixel_points(average_cells(L), average_cells(ab), L.shape)
    errors = average_cells(uncertainty).flatten().clamp(min=1e-3)
    covariance = errors[:, None] * grid.in_common(grid) * errors
    noise = NOISE * errors.square()
    given = average_cells(hints[2:]).flatten() > 0
    known = covariance[given][:, given] + torch.diag(noise[given])
    covariance = covariance - covariance[:, given] @ torch.linalg.solve(known, covariance[given])
    places = []
    for _ in range(count):
        variance = covariance.diagonal() + noise
        best = (covariance.square().sum(dim=0) / variance).argmax()
        places.append(best)
        column = covariance[:, best]
        covariance = covariance - column[:, None] * column / variance[best]
    chosen = torch.stack(places)
    rows = (chosen // CELLS * 2 + 1) * height // (2 * CELLS)
    columns = (chosen % CELLS * 2 + 1) * width // (2 * CELLS)
    return torch.stack([rows, columns], dim=1)
