"""Hints made up from the truth: where, how large, in which colour."""

import pytest
import torch

from colorization.color import LabBatch
from colorization.hints.simulate import draw_spots, label_pixels


def batch(count: int = 64, side: int = 64, seed: int = 0) -> LabBatch:
    random = torch.Generator().manual_seed(seed)
    L = 100 * torch.rand(count, 1, side, side, generator=random)
    return LabBatch(L, 60 * torch.randn(count, 2, side, side, generator=random))


def test_a_hint_has_the_mean_true_colour_below_it() -> None:
    ab = batch(2, 16).ab
    hints = draw_spots(ab, torch.tensor([[[5, 7]], [[0, 15]]]), 3)
    inside = ab[0, :, 4:7, 6:9]
    assert hints[0, :2, 5, 7].tolist() == pytest.approx(inside.mean(dim=(1, 2)).tolist(), abs=1e-4)
    assert torch.equal(
        hints[0, 2].nonzero(), torch.cartesian_prod(*[torch.arange(3)] * 2) + torch.tensor([4, 6])
    )
    corner = ab[1, :, :2, 14:]
    assert hints[1, :2, 0, 15].tolist() == pytest.approx(corner.mean(dim=(1, 2)).tolist(), abs=1e-4)
    assert hints[1, 2].sum() == 4
    assert (hints[:, :2] * (1 - hints[:, 2:]) == 0).all()


def test_later_spots_lie_on_earlier_ones() -> None:
    labels = label_pixels(torch.tensor([[[4, 4], [4, 6]]]), 3, 16, 16)[0]
    assert labels[4, 5] == labels[3, 7] == 2
    assert labels[4, 4] == labels[3, 3] == 1
    assert labels[0, 0] == 0
    ab = batch(1, 16).ab
    hints = draw_spots(ab, torch.tensor([[[4, 4], [4, 6]]]), 3)[0]
    left = ab[0][:, labels == 1]
    assert hints[:2, 3, 3].tolist() == pytest.approx(left.mean(dim=1).tolist(), abs=1e-4)


@pytest.mark.parametrize(("side", "size"), [(1, 9), (3, 4)])
def test_spots_larger_than_the_picture_cover_it(side: int, size: int) -> None:
    hints = draw_spots(batch(1, side).ab, torch.full((1, 1, 2), side // 2), size)
    assert hints[0, 2].sum() == side**2
