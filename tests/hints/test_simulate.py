"""Hints made up for training: where, how many, how large, in which colour."""

import numpy as np
import pytest
import torch
from torch import Tensor

from colorization.color import LabBatch
from colorization.hints.simulate import (
    SimulatedHints,
    at,
    draw_spots,
    draw_true_hints,
    label_pixels,
    lightness_gradient,
)


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


def test_later_hints_lie_on_earlier_ones_and_squares_of_one_share_a_colour() -> None:
    ab = batch(1, 16).ab
    centers = torch.tensor([[[[4, 4], [4, 7]], [[4, 7], [0, 0]]]])
    shown = torch.tensor([[[True, True], [True, False]]])
    sizes = torch.tensor([[3, 1]])
    labels = label_pixels(centers, sizes, shown, 16, 16)[0]
    assert labels[4, 7] == 2
    assert labels[4, 8] == labels[3, 3] == 1
    assert labels[0, 0] == 0
    stroke = labels == 1
    hints = draw_true_hints(ab, centers, sizes, shown)[0]
    assert hints[:2, 3, 3].tolist() == pytest.approx(
        ab[0][:, stroke].mean(dim=1).tolist(), abs=1e-4
    )


@pytest.mark.parametrize(("side", "size"), [(1, 9), (3, 4)])
def test_spots_larger_than_the_picture_cover_it(side: int, size: int) -> None:
    hints = draw_spots(batch(1, side).ab, torch.full((1, 1, 2), side // 2), size)
    assert hints[0, 2].sum() == side**2


def test_numbers_are_geometric_with_many_at_zero() -> None:
    torch.manual_seed(0)
    counts = SimulatedHints(0.4, 8, 0.0).counts(torch.zeros(20_000, 1, 1, 1)).numpy()
    assert (counts == 0).mean() == pytest.approx(0.4, abs=0.01)
    some = counts[counts > 0]
    assert some.mean() == pytest.approx(8, rel=0.03)
    for number in (1, 2, 5, 10):  # its closed form
        assert (some == number).mean() == pytest.approx((7 / 8) ** (number - 1) / 8, abs=0.008)


def test_without_any_there_are_none() -> None:
    assert not SimulatedHints(1.0, 8, 0.5)(batch(4)).any()


def test_sizes_are_1_to_9_and_places_cover_the_picture() -> None:
    torch.manual_seed(0)
    simulated = SimulatedHints(0.0, 1, 0.0)  # one spot each
    masks = torch.cat([simulated(batch(64, 48, seed))[:, 2] for seed in range(20)])
    areas = masks.sum(dim=(1, 2)).numpy()
    inside = areas[(masks[:, [0, -1]].sum(dim=(1, 2)) + masks[..., [0, -1]].sum(dim=(1, 2))) == 0]
    assert set(inside) == {side**2 for side in range(1, 10)}
    density = masks.mean(dim=0).numpy()
    middle, edge = density[20:28, 20:28].mean(), density[:, 3:6].mean()
    assert edge > 0.5 * middle


def test_half_of_the_spots_keep_away_from_edges() -> None:
    torch.manual_seed(0)
    L = torch.zeros(1, 1, 64, 64)
    L[..., 32:] = 100
    slopes = lightness_gradient(L)
    places = SimulatedHints(0.0, 8, 0.0).starts(slopes, 20_000)
    columns = places[0, :, 1].numpy()
    at_edge = np.isin(columns, (31, 32)).mean()
    assert at_edge == pytest.approx(0.5 * 2 / 64, rel=0.2)  # only those that lie anywhere


def test_strokes_stay_where_lightness_does() -> None:
    torch.manual_seed(0)
    L = torch.full((32, 1, 64, 64), 20.0)
    L[..., 30:] = 80
    simulated = SimulatedHints(0.0, 1, 1.0)
    centers, shown = simulated.paths(L, 4)
    drawn: Tensor = at(L, centers.flatten(1, 2).float()).view(*shown.shape)
    same = drawn == drawn[..., :1]
    assert same[shown].all()
    assert shown.sum(dim=-1).float().mean() > 3  # they are strokes, and of several lengths
    assert len(shown.sum(dim=-1).unique()) > 4
    steps = (centers[..., 1:, :] - centers[..., :-1, :]).float().norm(dim=-1)[shown[..., 1:]]
    assert steps.max() <= 5


def test_hints_are_drawn_by_the_seed_alone() -> None:
    simulated = SimulatedHints(0.2, 8, 0.5)
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(simulated(batch(8)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
