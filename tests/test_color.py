"""Conversions against scikit-image in float64."""

import warnings

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from colorization.color import (
    from_uint8,
    lab_to_rgb,
    mean_chroma,
    rgb_to_lab,
    scale_lightness,
    to_uint8,
)


def all_levels() -> torch.Tensor:
    """uint8 (1,3,64,64): a coarse grid over the RGB cube, corners included."""
    level = torch.linspace(0, 255, 16).round().to(torch.uint8)
    cube = torch.cartesian_prod(level, level, level)
    return cube.T.reshape(1, 3, 64, 64).contiguous()


def test_lab_agrees_with_scikit_image() -> None:
    rgb = all_levels()
    L, ab = rgb_to_lab(from_uint8(rgb))
    expected = rgb2lab(rgb[0].permute(1, 2, 0).double().numpy() / 255)
    assert np.abs(L[0, 0].numpy() - expected[..., 0]).max() < 1e-3
    assert np.abs(ab[0].permute(1, 2, 0).numpy() - expected[..., 1:]).max() < 5e-3


def test_way_back_agrees_with_scikit_image_and_clips() -> None:
    random = np.random.default_rng(0)
    lab = random.uniform([0, -100, -100], [100, 100, 100], (32, 32, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image tells of colours outside XYZ
        expected = lab2rgb(lab)
    both = torch.from_numpy(lab).float().permute(2, 0, 1)[None]
    found = lab_to_rgb(both[:, :1], both[:, 1:])[0].permute(1, 2, 0).numpy()
    # Far out of gamut scikit-image clips in XYZ before RGB; compare what it did not clip.
    inside = (expected > 0) & (expected < 1)
    assert np.abs(found - expected)[inside.all(-1)].max() < 1e-3
    assert found.min() == 0
    assert found.max() == 1


def test_round_trip_of_uint8_is_exact() -> None:
    rgb = all_levels()
    assert torch.equal(to_uint8(lab_to_rgb(*rgb_to_lab(from_uint8(rgb)))), rgb)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16, torch.float64])
def test_refuses_what_would_be_silently_wrong(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="takes float32 in 0"):
        rgb_to_lab(torch.zeros(1, 3, 2, 2, dtype=dtype))


def test_autocast_changes_nothing() -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    plain = rgb_to_lab(rgb)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = rgb_to_lab(rgb)
        back = lab_to_rgb(*cast)
    assert torch.equal(plain.L, cast.L)
    assert torch.equal(plain.ab, cast.ab)
    assert torch.equal(back, lab_to_rgb(*plain))


def test_chroma_of_known_colours() -> None:
    ab = torch.tensor([[3.0, 4.0], [0.0, 0.0]])[:, :, None, None].expand(2, 2, 5, 7)
    assert mean_chroma(ab).tolist() == [5.0, 0.0]


def test_lightness_spans_minus_one_to_one() -> None:
    assert scale_lightness(torch.tensor([0.0, 50.0, 100.0])).tolist() == [-1.0, 0.0, 1.0]
