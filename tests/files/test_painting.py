"""Painting against scikit-image and PyTorch: colours, lightness, upsampling, shrinking."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.color import lab2rgb, rgb2lab

from colorization.color import rgb_to_lab
from colorization.files.painting import FULL, Upsampling, lab_of, paint, shrink

RANDOM = np.random.default_rng(0)


def lightness_of(L: np.ndarray) -> np.ndarray:
    return np.rint(L * FULL / 100).astype(np.uint16)


@pytest.mark.parametrize(("bits", "tolerance"), [(8, 0.53), (16, 0.02)])
def test_colours_are_scikit_image_s(bits: int, tolerance: float) -> None:
    rgb = RANDOM.random((97, 131, 3))
    lab = rgb2lab(rgb)
    ab = lab[..., 1:].transpose(2, 0, 1).astype(np.float32)
    painted = paint(lightness_of(lab[..., 0]), ab, bits=bits)
    assert painted.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(painted / (2**bits - 1) - rgb).max() * 255 < tolerance


def test_lightness_is_kept_for_colours_that_srgb_has_not() -> None:
    lightness = RANDOM.integers(0, FULL + 1, (60, 70)).astype(np.uint16)
    ab = RANDOM.uniform(-110, 110, (2, 60, 70)).astype(np.float32)
    L = lightness * (100 / FULL)
    clipped = lab2rgb(np.dstack([L, *ab]))
    assert np.abs(rgb2lab(clipped)[..., 0] - L).max() > 20, "what clipping would do"
    found = rgb2lab(paint(lightness, ab))
    assert np.abs(found[..., 0] - L).max() < 0.3
    colored = np.hypot(found[..., 1], found[..., 2]) > 10
    turned = np.angle(
        np.exp(1j * (np.arctan2(found[..., 2], found[..., 1]) - np.arctan2(*ab[::-1])))
    )
    assert np.abs(turned[colored]).max() < 0.1, "the hue stays"


def test_chroma_is_no_less_than_it_must_be() -> None:
    L, ab = np.full((1, 1), 50.0), np.array([80.0, 67.0], np.float32)[:, None, None]
    kept = np.hypot(*rgb2lab(paint(lightness_of(L), ab, bits=16) / FULL)[0, 0, 1:])
    shares = np.linspace(0, 1, 2001)
    inside = [
        share
        for share in shares
        if np.allclose(rgb2lab(lab2rgb([[[50, *(ab.ravel() * share)]]]))[0, 0, 0], 50, atol=0.02)
    ]
    assert kept == pytest.approx(max(inside) * np.hypot(80, 67), rel=0.02)


def test_gray_stays_gray_to_the_bit() -> None:
    gray = np.arange(256, dtype=np.uint8)
    L = rgb2lab(np.repeat(gray[None, :, None], 3, axis=2))[..., 0]
    painted = paint(lightness_of(L), np.zeros((2, 1, 1), np.float32))
    assert (painted == gray[None, :, None]).all()


@pytest.mark.parametrize("size", [(13, 29), (128, 40), (1, 1), (500, 3)])
def test_upsampling_is_bilinear(size: tuple[int, int]) -> None:
    ab = RANDOM.normal(size=(2, 7, 5)).astype(np.float32)
    expected = F.interpolate(torch.from_numpy(ab)[None], size, mode="bilinear")[0].numpy()
    upsampling = Upsampling(ab, *size)
    strips = [upsampling(slice(top, min(top + 9, size[0]))) for top in range(0, size[0], 9)]
    found = np.concatenate(strips, axis=1).reshape(2, *size)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_threads_change_nothing_and_no_chroma_is_gray() -> None:
    lightness = RANDOM.integers(20000, 45000, (1100, 1000)).astype(np.uint16)
    ab = RANDOM.normal(size=(2, 9, 9), scale=8).astype(np.float32)
    with ThreadPoolExecutor(3) as threads:
        shared = paint(lightness, ab / 2, threads=threads)
    assert (shared == paint(lightness, ab / 2)).all()
    gray = paint(lightness, 0 * ab)
    assert (gray[..., 0] == gray[..., 1]).mean() > 0.999, "but for roundings"


@pytest.mark.parametrize(("height", "width"), [(301, 407), (128, 128), (40, 50)])
def test_shrinking_is_torch_s_antialiased_bilinear(height: int, width: int) -> None:
    lightness = RANDOM.integers(0, FULL + 1, (height, width)).astype(np.uint16)
    small = shrink(lightness, 128)
    L = torch.from_numpy(lightness * np.float32(100 / FULL))[None, None]
    expected = F.interpolate(L, small.shape, mode="bilinear", antialias=True)[0, 0].numpy()
    assert min(small.shape) == 128
    assert small.shape[1] / small.shape[0] == pytest.approx(width / height, rel=0.01)
    np.testing.assert_allclose(small, expected, atol=0.003)


@pytest.mark.parametrize(
    ("shape", "small"), [((1, 1), (32, 32)), ((1, 90), (32, 512)), ((9000, 2), (512, 32))]
)
def test_tiny_and_thin_pictures_are_brought_to_what_a_network_can_see(
    shape: tuple[int, int], small: tuple[int, int]
) -> None:
    assert shrink(np.full(shape, 30000, np.uint16), 32).shape == small


def test_lab_is_scikit_image_s_and_that_of_learning() -> None:
    rgb = RANDOM.random((500, 3))
    rgb[:3] = [(0, 0, 0), (1, 1, 1), (0.04, 0.004, 0.03)]
    found = lab_of(rgb)
    np.testing.assert_allclose(found, rgb2lab(rgb), atol=1e-3)
    learned = rgb_to_lab(torch.from_numpy(rgb.T[None, ..., None].astype(np.float32)))
    np.testing.assert_allclose(found[:, 1:], learned.ab[0, ..., 0].T, atol=2e-3)


@pytest.mark.parametrize("chroma", [4, 60])
def test_compiled_painting_is_numpy_s(chroma: float) -> None:
    pytest.importorskip("numba")
    lightness = RANDOM.integers(0, FULL + 1, (301, 407)).astype(np.uint16)
    ab = RANDOM.normal(size=(2, 9, 11), scale=chroma).astype(np.float32)
    with ThreadPoolExecutor(2) as threads:
        fused = paint(lightness, ab, threads=threads, fused=True).astype(int)
    difference = np.abs(fused - paint(lightness, ab, fused=False))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    gray = paint(lightness, 0 * ab, fused=True)
    assert (gray == gray[..., :1]).mean() > 0.999
