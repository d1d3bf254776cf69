"""Match a photograph with coloured ones by features, and read their colours for it.

Every cell of a photograph looks for the cells that are most alike among those remembered, and takes
the mean of their colours, weighed by likeness of features and, at a finer grid, of lightness.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import scale_lightness
from colorization.networks.pretrained import PretrainedEncoder

SEEN = 128  # px, shorter side of what the encoder sees
MULTIPLE = 32
CELL = 4  # px of what is seen; features have one value a cell, colours CELL * CELL
KEPT = 2  # px of a cell's side, of what is remembered of it
NEAREST = 32  # cells that a cell takes colours from
SHARPNESS = 20.0  # of the weights, by cosine of features
ALIKE = 6.0  # of L, standard deviation
SURE = (0.45, 0.75)  # cosine of the best match: from no hint at all to a sure one
SPREAD = 12.0  # CIE units: matches that differ by so much are half as sure
STEP = 4  # cells between soft hints, in each direction
PATCHES = (1, 3, 7)  # px, radii, of the features without an encoder


class Described(NamedTuple):
    """A photograph at its reduced size: features (C,h,w), unit length, and L (1,h*4,w*4)."""

    features: Tensor
    L: Tensor


class Memory(NamedTuple):
    """Cells with known colours: features (C,N), and L, a, b of their quarters (N,4,3)."""

    features: Tensor
    lab: Tensor


class Reading(NamedTuple):
    """Colours ab (2,h*4,w*4), their spread (h*4,w*4) in CIE units, and the best cosine (h,w)."""

    ab: Tensor
    spread: Tensor
    likeness: Tensor


def reduced_size(shape: tuple[int, ...], size: int = SEEN) -> tuple[int, int]:
    """Return the height and width that a photograph of this shape is matched at."""
    height, width = shape[-2:]
    scale = size / min(height, width) / MULTIPLE
    rows, columns = (max(1, round(side * scale)) * MULTIPLE for side in (height, width))
    return rows, min(columns, 16 * MULTIPLE)


def describe(L: Tensor, encoder: PretrainedEncoder | None) -> Described:
    """Describe a photograph L (1,H,W) in 0..100 by features; without an encoder by its patches."""
    size = reduced_size(tuple(L.shape))
    small = F.interpolate(L[None], size, mode="bilinear", antialias=True)
    grid = (size[0] // CELL, size[1] // CELL)
    maps = encoder(scale_lightness(small))[-3:] if encoder else patch_maps(small)
    parts = [
        F.interpolate(part.float(), grid, mode="area" if part.shape[-1] > grid[1] else "bilinear")
        for part in maps
    ]
    centred = [F.normalize(part - part.mean(dim=(2, 3), keepdim=True), dim=1) for part in parts]
    return Described(F.normalize(torch.cat(centred, dim=1), dim=1)[0], small[0])


def patch_maps(L: Tensor) -> list[Tensor]:
    """Return local means and contrasts of L (1,1,H,W) at several radii as one map."""
    maps = []
    for radius in PATCHES:
        mean = F.avg_pool2d(L, 2 * radius + 1, 1, radius, count_include_pad=False)
        square = F.avg_pool2d(L.square(), 2 * radius + 1, 1, radius, count_include_pad=False)
        maps += [mean, (square - mean.square()).clamp(min=0).sqrt()]
    return [torch.cat(maps, dim=1)]


def remember(described: Described, ab: Tensor) -> Memory:
    """Remember a coloured photograph; ``ab`` (2,H,W) may be of any size."""
    size = described.L.shape[-2:]
    is_larger = ab.shape[-1] > size[1]
    small = F.interpolate(ab[None].float(), size, mode="area" if is_larger else "bilinear")[0]
    lab = F.avg_pool2d(torch.cat([described.L, small]), CELL // KEPT)
    return Memory(described.features.flatten(1), to_cells(lab, KEPT))


def join(memories: list[Memory]) -> Memory:
    """Join what is remembered of several photographs."""
    features = torch.cat([memory.features for memory in memories], dim=1)
    return Memory(features, torch.cat([memory.lab for memory in memories]))


def read_colors(memory: Memory, described: Described) -> Reading:
    """Read colours for a photograph from what is remembered."""
    rows, columns = described.features.shape[-2:]
    cosine = described.features.flatten(1).T @ memory.features
    best, index = cosine.topk(min(NEAREST, cosine.shape[1]), dim=1)
    lab = memory.lab[index].flatten(1, 2)  # (N,M,3)
    own = to_cells(described.L, CELL)  # (N,16,1)
    unlike = (own - lab[:, None, :, 0]).square() / (2 * ALIKE**2)
    weights = (SHARPNESS * best.repeat_interleave(KEPT**2, dim=1)[:, None] - unlike).softmax(dim=2)
    ab = weights @ lab[..., 1:]
    spread = (weights @ lab[..., 1:].square() - ab.square()).sum(dim=2, keepdim=True)
    found = from_cells(torch.cat([ab, spread.clamp(min=0).sqrt()], dim=2), rows, columns)
    return Reading(found[:2], found[2], best[:, 0].view(rows, columns))


def to_cells(planes: Tensor, side: int) -> Tensor:
    """Cut planes (C,h*s,w*s) into cells (h*w,s*s,C)."""
    channels, height, width = planes.shape
    cut = planes.view(channels, height // side, side, width // side, side)
    return cut.permute(1, 3, 2, 4, 0).reshape(-1, side**2, channels)


def from_cells(cells: Tensor, rows: int, columns: int) -> Tensor:
    """Put cells (h*w,16,C) together again, as planes (C,h*4,w*4)."""
    cut = cells.view(rows, columns, CELL, CELL, -1)
    return cut.permute(4, 0, 2, 1, 3).reshape(-1, rows * CELL, columns * CELL)


def soft_hints(reading: Reading, size: tuple[int, int]) -> Tensor:
    """Turn what was read into hints (3,h,w) for a photograph of this size.

    Hints lie on a grid. Each has a mask between 0 and 1: how sure it is, by how alike the best
    match is and how far the matches agree. Where nothing is alike there is none.
    """
    low, high = SURE
    alike = ((reading.likeness - low) / (high - low)).clamp(0, 1)
    rows, columns = alike.shape
    spread = F.interpolate(reading.spread[None, None], (rows, columns), mode="area")[0, 0]
    sure = alike / (1 + (spread / SPREAD).square())
    height, width = size
    hints = torch.zeros(3, height, width, device=sure.device)
    at_rows = torch.arange(STEP // 2, rows, STEP, device=sure.device)
    at_columns = torch.arange(STEP // 2, columns, STEP, device=sure.device)
    at = torch.cartesian_prod(at_rows, at_columns)
    values = sure[at[:, 0], at[:, 1]]
    at, values = at[values > 0.05], values[values > 0.05]
    fine = at * CELL + CELL // 2
    y = fine[:, 0] * height // (rows * CELL)
    x = fine[:, 1] * width // (columns * CELL)
    hints[:2, y, x] = reading.ab[:, fine[:, 0], fine[:, 1]]
    hints[2, y, x] = values
    return hints
