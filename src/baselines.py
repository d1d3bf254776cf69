"""Predictors that know no picture, only averages of the training set: what a network must beat."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from src.color import LabBatch
from src.metrics import color_metrics, update_metrics

BASELINES = ("gray", "mean", "L table", "(position, L) table")
LEVELS = 101  # L rounded to 0..100
CELLS = 16  # cells a side of the (position, L) table
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
        row, column = cells_of(L, *self.table.shape[:2])
        return self.table[row, column, level_of(L)].permute(0, 3, 1, 2)


def fit_baselines(batches: Iterable[LabBatch]) -> nn.ModuleDict:
    """Fit gray, mean colour, L table and (position, L) table to training photographs.

    Each table's thin entries lean on the next coarser one: the (position, L) table on the L
    table, that on the mean colour.
    """
    count = torch.zeros(CELLS, CELLS, LEVELS, dtype=torch.float64)
    total = torch.zeros(CELLS, CELLS, LEVELS, 2, dtype=torch.float64)
    for L, ab in batches:
        row, column = cells_of(L, CELLS, CELLS)
        index = ((row * CELLS + column) * LEVELS + level_of(L)).flatten()
        colors = ab.permute(0, 2, 3, 1).reshape(-1, 2).double()
        count.view(-1).index_add_(0, index, torch.ones_like(index, dtype=torch.float64))
        total.view(-1, 2).index_add_(0, index, colors)
    mean = (total.sum((0, 1, 2)) / count.sum()).expand(1, 1, LEVELS, 2)
    by_level = shrunk(count.sum((0, 1), keepdim=True), total.sum((0, 1), keepdim=True), mean)
    gray = torch.zeros(1, 1, LEVELS, 2)
    tables = (gray, mean.clone(), by_level, shrunk(count, total, by_level))
    return nn.ModuleDict(dict(zip(BASELINES, map(ColorTable, tables), strict=True)))


def read_baselines(path: Path) -> nn.ModuleDict:
    """The tables that a run saved as the state of their ModuleDict."""
    state = torch.load(path, weights_only=True)
    return nn.ModuleDict({name: ColorTable(state[f"{name}.table"]) for name in BASELINES})


def shrunk(count: Tensor, total: Tensor, prior: Tensor) -> Tensor:
    """Averages with ``PRIOR`` pixels of the prior table added to each entry."""
    return (total + PRIOR * prior) / (count + PRIOR)[..., None]


def cells_of(L: Tensor, down: int, across: int) -> tuple[Tensor, Tensor]:
    """Cell row (H,1) and column (1,W) of every pixel of L (B,1,H,W)."""
    height, width = L.shape[-2:]
    row = torch.arange(height, device=L.device) * down // height
    column = torch.arange(width, device=L.device) * across // width
    return row[:, None], column[None, :]


def level_of(L: Tensor) -> Tensor:
    """Index (B,H,W) of the lightness level of L (B,1,H,W)."""
    return L[:, 0].round().clamp(0, LEVELS - 1).long()


@torch.no_grad()
def score(
    predictors: Mapping[str, Callable[[Tensor], Tensor]], batches: Iterable[LabBatch]
) -> dict[str, dict[str, float]]:
    """Score what predicts ab (B,2,H,W) from L (B,1,H,W), by the metrics of the networks.

    Returns:
        By predictor, then by metric; the batches are gone through once.
    """
    metrics = {name: color_metrics() for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            update_metrics(metrics[name], predict(batch.L), batch)
    return {
        name: {metric: value.item() for metric, value in collection.compute().items()}
        for name, collection in metrics.items()
    }
