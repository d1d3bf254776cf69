"""Where one more hint would help most, by what a model is unsure of."""

import torch
from torch import Tensor

from colorization.hints.propagate import CELLS, NOISE, cells, points


def suggested(L: Tensor, ab: Tensor, uncertainty: Tensor, hints: Tensor, count: int) -> Tensor:
    """Rows and columns (B,N,2) of the next hints, the best first.

    With errors as large as the uncertainty, and as much in common as :mod:`.propagate`
    takes them to have, each is where the squared error of the whole photograph falls most
    (Gaussian process regression; Seo et al. 2000, "active learning Cohn").

    Args:
        L: (B,1,H,W) in 0..100.
        ab: predicted (B,2,H,W), CIE units.
        uncertainty: (B,1,H,W), CIE units.
        hints: (B,3,H,W), those that there are.
        count: N, at the most 1024.
    """
    with torch.autocast(L.device.type, enabled=False):
        parts = zip(L, ab.float(), uncertainty.float(), hints, strict=True)
        return torch.stack([suggested_for(*part, count) for part in parts])


def suggested_for(L: Tensor, ab: Tensor, uncertainty: Tensor, hints: Tensor, count: int) -> Tensor:
    """As :func:`suggested`, of one photograph."""
    height, width = L.shape[-2:]
    grid = points(cells(L), cells(ab), L.shape)
    errors = cells(uncertainty).flatten().clamp(min=1e-3)
    covariance = errors[:, None] * grid.in_common(grid) * errors
    noise = NOISE * errors.square()
    given = cells(hints[2:]).flatten() > 0
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
