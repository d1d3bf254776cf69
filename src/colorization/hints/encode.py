"""Hints with the true colours of photographs, on the device."""

import torch
from torch import Tensor

LARGEST = 9  # px, side of a spot


def true_hints(ab: Tensor, centers: Tensor, sizes: Tensor, shown: Tensor) -> Tensor:
    """Hints (B,3,H,W), each of which has the mean true colour of the pixels below it.

    Args:
        ab: (B,2,H,W), CIE units.
        centers: row and column of pixels, (B,N,T,2), int64: T squares make one hint, a stroke.
        sizes: px, the side of a hint's squares, (B,N), 1 to 9.
        shown: which squares there are, (B,N,T), bool.
    """
    height, width = ab.shape[-2:]
    labels = labelled(centers, sizes, shown, height, width)[:, None]
    both = labels.expand(-1, 2, -1, -1).flatten(2)
    sums = ab.new_zeros(len(ab), 2, centers.shape[1] + 1)
    areas = sums.scatter_add(2, both, torch.ones_like(ab).flatten(2))
    means = sums.scatter_add(2, both, ab.flatten(2)) / areas.clamp(min=1)
    mask = labels > 0
    return torch.cat([means.gather(2, both).view_as(ab) * mask, mask.to(ab)], dim=1)


def labelled(centers: Tensor, sizes: Tensor, shown: Tensor, height: int, width: int) -> Tensor:
    """Which hint lies on a pixel, (B,H,W): 0 is none, n + 1 the n-th, which lies on those before.

    Arguments are those of :func:`true_hints`. Of a hint that is beyond the border nothing is left.
    """
    batch, count, squares = shown.shape
    side = torch.arange(LARGEST, device=centers.device)
    first = centers - ((sizes - 1) // 2)[..., None, None]
    rows, columns = (axis[..., None] + side for axis in first.unbind(dim=-1))
    is_in = side < sizes[..., None, None]
    in_rows = is_in & (rows >= 0) & (rows < height) & shown[..., None]
    in_columns = is_in & (columns >= 0) & (columns < width)
    is_on = in_rows[..., :, None] & in_columns[..., None, :]
    place = (rows[..., :, None] * width + columns[..., None, :]).where(is_on, 0)
    label = torch.arange(1, count + 1, device=centers.device)[None, :, None, None, None]
    label = label.expand(batch, count, squares, LARGEST, LARGEST).where(is_on, 0)
    labels = centers.new_zeros(batch, height * width)
    labels.scatter_reduce_(1, place.flatten(1), label.flatten(1), "amax")
    return labels.view(batch, height, width)


def spots(ab: Tensor, places: Tensor, size: int) -> Tensor:
    """Hints (B,3,H,W) with the true colours of ab (B,2,H,W) around pixels (B,N,2)."""
    shown = torch.ones(*places.shape[:2], 1, dtype=torch.bool, device=ab.device)
    sizes = torch.full(places.shape[:2], size, device=ab.device)
    return true_hints(ab, places[:, :, None], sizes, shown)
