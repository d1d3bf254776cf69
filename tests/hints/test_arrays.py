"""Hints with NumPy alone do what they do with PyTorch."""

import numpy as np
import pytest
import torch

from colorization.hints import arrays, propagate


@pytest.mark.parametrize("count", [0, 1, 7, 3000])
def test_colours_are_those_of_pytorch(count: int) -> None:
    chance = np.random.default_rng(count)
    L = chance.uniform(0, 100, (2, 1, 70, 96)).astype(np.float32)
    ab = chance.normal(0, 20, (2, 2, 70, 96)).astype(np.float32)
    hints = np.zeros((2, 3, 70, 96), np.float32)
    for _ in range(count):
        row, column = chance.integers(70), chance.integers(96)
        hints[0, :, row, column] = (*chance.integers(-60, 60, 2), 1)
    found = arrays.correct_colors(L, ab, hints)
    expected = propagate.correct_colors(*(torch.from_numpy(x) for x in (L, ab, hints))).numpy()
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert (found[1] == ab[1]).all(), "as it was without hints"


def test_constants_are_those_of_pytorch() -> None:
    for name in ("CELLS", "MOST", "COMMON", "REACH", "NOISE", "ALIKE_L", "ALIKE_AB"):
        assert getattr(arrays, name) == getattr(propagate, name)
