"""Tiles: what is predicted alike everywhere shows no seam, and all is covered."""

import numpy as np
import pytest

from colorization.files.painting import Floats
from colorization.inference.tiles import in_tiles


@pytest.mark.parametrize("shape", [(64, 64), (100, 64), (33, 250), (20, 90), (65, 66)])
def test_a_pointwise_prediction_comes_back_as_it_is(shape: tuple[int, int]) -> None:
    sizes = set()

    def predict(L: Floats) -> Floats:
        sizes.add(L.shape[2:])
        return np.concatenate([L, -L], axis=1)

    L = np.random.default_rng(0).random((1, 1, *shape), dtype=np.float32) * 100
    ab = in_tiles(predict, L, 64)
    np.testing.assert_allclose(ab[0], [L[0, 0], -L[0, 0]], atol=1e-4)
    assert sizes == {(min(64, shape[0]), min(64, shape[1]))}


def test_tiles_blend_without_a_step() -> None:
    count = iter(range(100))

    def predict(L: Floats) -> Floats:  # every tile has another colour
        return np.stack([np.full((2, *L.shape[2:]), next(count), np.float32) for _ in L])

    ab = in_tiles(predict, np.zeros((1, 1, 64, 300), np.float32), 64)
    assert np.abs(np.diff(ab[0, 0], axis=1)).max() < 0.1
