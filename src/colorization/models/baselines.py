"""Fit and score the trivial baselines that a network must beat: averages of the training set."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorization.color import LabBatch
from colorization.metrics.measures import FINAL, make_metrics, pair_with_truth

TABLES = ("gray", "mean", "L table", "(position, L) table")
NEAREST = "nearest neighbour"
BASELINES = (*TABLES, NEAREST)
LEVELS = 101  # L rounded to 0..100
CELLS = 16  # cells a side of the (position, L) table
LOOK = 16  # px a side of the thumbnails that are compared
FIELD = 32  # px a side of the ab that is given
PRIOR = 10.0  # pixels' worth of the coarser table mixed into every entry; both chosen on faces' val


class ColorTable(nn.Module):
    """Looks ab up by position in the picture and lightness.

    Args:
        table: ab in CIE units, (cells down, cells across, 101, 2).
    """

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table.float())

    def forward(self, L: Tensor) -> Tensor:
        """L (B,1,H,W) in 0..100 to ab (B,2,H,W) in CIE units."""
        row, column = cell_indices(L, *self.table.shape[:2])
        return self.table[row, column, lightness_index(L)].permute(0, 3, 1, 2)


class NearestNeighbor(nn.Module):
    """Gives every photograph the ab of the training photograph that its L looks most like.

    Args:
        looks: thumbnails of the training photographs' L, (N,256).
        ab: theirs, averaged to (N,2,32,32), CIE units.
    """

    looks: Tensor
    ab: Tensor

    def __init__(self, looks: Tensor, ab: Tensor) -> None:
        super().__init__()
        self.register_buffer("looks", looks)
        self.register_buffer("ab", ab.half())

    def forward(self, L: Tensor) -> Tensor:
        """L (B,1,H,W) in 0..100 to ab (B,2,H,W) in CIE units."""
        nearest = torch.cdist(average_to(L, LOOK).flatten(1), self.looks).argmin(dim=1)
        ab = self.ab[nearest].float()
        return F.interpolate(ab, L.shape[-2:], mode="bilinear", align_corners=False)


def average_to(x: Tensor, side: int) -> Tensor:
    """Average (B,C,H,W) to (B,C,side,side)."""
    return F.interpolate(x, (side, side), mode="area")


def fit_baselines(batches: Iterable[LabBatch]) -> nn.ModuleDict:
    """Fit all BASELINES to training photographs.

    Each table's thin entries lean on the next coarser one: the (position, L) table on the L
    table, that on the mean colour.
    """
    looks, fields = [], []
    count = torch.zeros(CELLS, CELLS, LEVELS, dtype=torch.float64)
    total = torch.zeros(CELLS, CELLS, LEVELS, 2, dtype=torch.float64)
    for L, ab in batches:
        row, column = cell_indices(L, CELLS, CELLS)
        index = ((row * CELLS + column) * LEVELS + lightness_index(L)).flatten()
        colors = ab.permute(0, 2, 3, 1).reshape(-1, 2).double()
        count.view(-1).index_add_(0, index, torch.ones_like(index, dtype=torch.float64))
        total.view(-1, 2).index_add_(0, index, colors)
        looks.append(average_to(L, LOOK).flatten(1))
        fields.append(average_to(ab, FIELD))
    mean = (total.sum((0, 1, 2)) / count.sum()).expand(1, 1, LEVELS, 2)
    by_level = lean_on_prior(count.sum((0, 1), keepdim=True), total.sum((0, 1), keepdim=True), mean)
    gray = torch.zeros(1, 1, LEVELS, 2)
    tables = (gray, mean.clone(), by_level, lean_on_prior(count, total, by_level))
    fitted = nn.ModuleDict(dict(zip(TABLES, map(ColorTable, tables), strict=True)))
    fitted[NEAREST] = NearestNeighbor(torch.cat(looks), torch.cat(fields))
    return fitted


def read_baselines(path: Path) -> nn.ModuleDict | None:
    """Read the baselines that a run saved; None if the file is missing or damaged."""
    try:
        state = torch.load(path, weights_only=True)
        fitted = nn.ModuleDict({name: ColorTable(state[f"{name}.table"]) for name in TABLES})
        fitted[NEAREST] = NearestNeighbor(state[f"{NEAREST}.looks"], state[f"{NEAREST}.ab"])
    except Exception:  # damaged bytes can raise anything
        return None
    return fitted


def lean_on_prior(count: Tensor, total: Tensor, prior: Tensor) -> Tensor:
    """Average each entry together with ``PRIOR`` pixels of the prior table."""
    return (total + PRIOR * prior) / (count + PRIOR)[..., None]


def cell_indices(L: Tensor, down: int, across: int) -> tuple[Tensor, Tensor]:
    """Return the cell row (H,1) and column (1,W) of every pixel of L (B,1,H,W)."""
    height, width = L.shape[-2:]
    row = torch.arange(height, device=L.device) * down // height
    column = torch.arange(width, device=L.device) * across // width
    return row[:, None], column[None, :]


def lightness_index(L: Tensor) -> Tensor:
    """Return the index (B,H,W) of the lightness level of L (B,1,H,W)."""
    return L[:, 0].round().clamp(0, LEVELS - 1).long()


@torch.no_grad()
def score_predictors(
    predictors: Mapping[str, Callable[[Tensor], Tensor]], batches: Iterable[LabBatch]
) -> dict[str, dict[str, float]]:
    """Score predictors of ab (B,2,H,W) from L (B,1,H,W), by the networks' metrics.

    Returns:
        By predictor, then by metric; the batches are gone through once.
    """
    metrics = {name: make_metrics(names=FINAL, is_shared=False) for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            metrics[name].update(pair_with_truth(predict(batch.L), batch))
    return {
        name: {metric: value.item() for metric, value in collection.compute().items()}
        for name, collection in metrics.items()
    }
