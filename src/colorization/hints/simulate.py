"""Simulate the hints of a user: spots in the true colours of photographs."""

import torch
from torch import Tensor


def draw_spots(ab: Tensor, places: Tensor, size: int) -> Tensor:
    """Draw square hints (B,3,H,W), each in the mean true colour of the pixels that it covers.

    Later spots lie on earlier ones; what is beyond the border is left out.

    Args:
        ab: (B,2,H,W), CIE units.
        places: row and column of the middle of each spot, (B,N,2), int64.
        size: px, the side of a spot.
    """
    labels = label_pixels(places, size, ab.shape[-2], ab.shape[-1])[:, None]
    both = labels.expand(-1, 2, -1, -1).flatten(2)
    sums = ab.new_zeros(len(ab), 2, places.shape[1] + 1)
    areas = sums.scatter_add(2, both, torch.ones_like(ab).flatten(2))
    means = sums.scatter_add(2, both, ab.flatten(2)) / areas.clamp(min=1)
    mask = labels > 0
    return torch.cat([means.gather(2, both).view_as(ab) * mask, mask.to(ab)], dim=1)


def label_pixels(places: Tensor, size: int, height: int, width: int) -> Tensor:
    """Label each pixel with its topmost spot, (B,H,W): 0 for none, n + 1 for the n-th."""
    batch, count = places.shape[:2]
    first = places - (size - 1) // 2
    side = torch.arange(size, device=places.device)
    rows, columns = (axis[..., None] + side for axis in first.unbind(dim=-1))
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    is_on = in_rows[..., :, None] & in_columns[..., None, :]
    place = (rows[..., :, None] * width + columns[..., None, :]).where(is_on, 0)
    label = torch.arange(1, count + 1, device=places.device)[None, :, None, None]
    label = label.expand(batch, count, size, size).where(is_on, 0)
    labels = places.new_zeros(batch, height * width)
    labels.scatter_reduce_(1, place.flatten(1), label.flatten(1), "amax")
    return labels.view(batch, height, width)
