"""Corrections by hints: Gaussian process regression, and where to ask next."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from colorization.hints.propagate import (
    CELLS,
    correct_colors,
    hinted_points,
    pixel_points,
    suggest_places,
    unexplained_share,
)
from colorization.hints.simulate import draw_spots

SIDE = 2 * CELLS  # cells of 2 x 2 px


def photograph() -> tuple[Tensor, Tensor]:
    """Dark to the left, light to the right; gray."""
    L = torch.full((1, 1, SIDE, SIDE), 20.0)
    L[..., SIDE // 2 :] = 85
    return L, torch.zeros(1, 2, SIDE, SIDE)


def test_a_correction_is_that_of_a_gaussian_process() -> None:
    random = torch.Generator().manual_seed(0)
    L = 100 * torch.rand(1, 1, SIDE, 3 * SIDE // 2, generator=random)
    ab = 20 * torch.randn(1, 2, *L.shape[2:], generator=random)
    truth = 40 * torch.randn(1, 2, *L.shape[2:], generator=random)
    hints = draw_spots(truth, torch.tensor([[[6, 9], [40, 70], [41, 12]]]), 1)
    found = correct_colors(L, ab, hints)[0].flatten(1).numpy().T

    def at(L: Tensor, ab: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place, lightness, colors = pixel_points(L[0], ab[0])
        return place.double().numpy(), lightness.double().numpy(), colors.double().numpy()

    def kernel(one: tuple[np.ndarray, ...], two: tuple[np.ndarray, ...]) -> np.ndarray:
        far, unlike, other = (cdist(x, y, "sqeuclidean") for x, y in zip(one, two, strict=True))
        near = np.exp(-unlike / 450 - other / 200) / np.sqrt(1 + 16 * far)
        return 0.1 + 0.9 * near

    at_hint = [row * L.shape[3] + column for row, column in ((6, 9), (40, 70), (41, 12))]
    pixels = at(L, ab)
    sources = tuple(part[at_hint] for part in pixels)
    residual = (truth - ab)[0].flatten(1).numpy().T[at_hint]
    solved = np.linalg.solve(kernel(sources, sources) + 0.05 * np.eye(3), residual)
    expected = ab[0].flatten(1).numpy().T + kernel(pixels, sources) @ solved
    assert found == pytest.approx(expected, abs=2e-3)


def test_a_correction_goes_as_far_as_it_looks_alike() -> None:
    L, ab = photograph()
    truth = torch.tensor([30.0, -20])[None, :, None, None].expand_as(ab)
    found = correct_colors(L, ab, draw_spots(truth, torch.tensor([[[20, 10]]]), 4))[0]
    assert found[:, 20, 10].tolist() == pytest.approx([30, -20], rel=0.06)
    same, other = found[0, 20, 28], found[0, 20, 36]
    assert 30 > same > 1.5 * other > 0
    assert found[0, 60, 10] < found[0, 30, 10]


def test_two_colours_close_together_are_both_there() -> None:
    L, ab = photograph()
    L = L.repeat_interleave(2, 2).repeat_interleave(2, 3)
    ab = ab.repeat_interleave(2, 2).repeat_interleave(2, 3)
    hints = torch.zeros(1, 3, *L.shape[2:])
    hints[0, :, 20:22, 16:18] = torch.tensor([50.0, 40, 1])[:, None, None]
    hints[0, :, 20:22, 18:20] = torch.tensor([20.0, -50, 1])[:, None, None]  # in the same cell
    one, other = (hinted_points(L[0], ab[0], hints[0])[1]).tolist()
    assert sorted([one, other]) == [[20, -50], [50, 40]]


def test_however_many_hints_there_are_the_work_is_bounded() -> None:
    """Of points that hints make, it is the cube, and the memory the square."""
    random = torch.Generator().manual_seed(0)
    L, ab = 100 * torch.rand(1, 1, 128, 128, generator=random), torch.zeros(1, 2, 128, 128)
    colors = torch.randint(-4, 5, (1, 2, 128, 128), generator=random) * 20.0
    hints = torch.cat([colors, torch.ones(1, 1, 128, 128)], dim=1)
    sources, _, _ = hinted_points(L[0], ab[0], hints[0])
    assert 81 <= len(sources.L) <= 2048  # at the least, each colour is one
    assert correct_colors(L, ab, hints).isfinite().all()


def test_without_hints_colours_are_as_they_were_bit_for_bit() -> None:
    L, ab = photograph()
    ab = torch.randn_like(ab)
    hints = torch.zeros(1, 3, SIDE, SIDE)
    assert torch.equal(correct_colors(L, ab, hints), ab)
    assert torch.equal(unexplained_share(L, ab, hints), torch.ones_like(L))


def test_less_is_unexplained_near_a_hint() -> None:
    L, ab = photograph()
    left = unexplained_share(L, ab, draw_spots(ab, torch.tensor([[[20, 10]]]), 4))[0, 0]
    assert left[20, 10] < 0.3
    assert left[20, 10] < left[30, 10] < left[30, 50] <= 1


def test_the_next_hint_is_where_most_is_unsure_and_not_where_there_are_hints() -> None:
    L, ab = photograph()
    unsure = torch.full((1, 1, SIDE, SIDE), 2.0)
    unsure[..., SIDE // 2 :] = 20
    unsure[..., 40:, 40:] = 30
    first, second = suggest_places(L, ab, unsure, torch.zeros(1, 3, SIDE, SIDE), 2)[0].tolist()
    assert first[1] >= SIDE // 2
    hints = draw_spots(ab, torch.tensor([[first]]), 1)
    assert suggest_places(L, ab, unsure, hints, 1)[0, 0].tolist() == second
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 4


def test_places_are_in_pixels_of_any_shape() -> None:
    L = torch.full((1, 1, 40, 90), 50.0)
    unsure = torch.full((1, 1, 40, 90), 1e-3)
    unsure[..., 30:34, 70:75] = 50
    row, column = suggest_places(
        L, torch.zeros(1, 2, 40, 90), unsure, torch.zeros(1, 3, 40, 90), 1
    )[0, 0]
    assert 29 <= row <= 34
    assert 69 <= column <= 75
