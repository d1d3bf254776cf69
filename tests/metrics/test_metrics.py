"""Metrics against NumPy, scikit-image and torchmetrics, on random and degenerate pictures."""

import warnings

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from torchmetrics.functional.image import structural_similarity_index_measure

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.metrics.auc import CLASSES, class_shares, class_weights, rarity, rebalanced_auc
from colorization.metrics.colorfulness import colorfulness
from colorization.metrics.measures import (
    MEASURES,
    MeanOverPhotographs,
    Pair,
    make_metrics,
    pair_with_truth,
)
from colorization.metrics.mse import ab_mse, ab_rmse
from colorization.metrics.psnr import psnr
from colorization.metrics.rgb_difference import absolute_rgb_difference, signed_rgb_difference
from colorization.metrics.ssim import ssim

SIZES = [(4, 16, 12), (3, 1, 1)]
DEGENERATE = {
    "random": torch.randint(0, 256, (1, 3, 12, 13), dtype=torch.uint8),
    "constant": torch.full((1, 3, 8, 8), 77, dtype=torch.uint8),
    "black": torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
    "white": torch.full((1, 3, 8, 8), 255, dtype=torch.uint8),
    "one pixel": torch.tensor([200, 30, 90], dtype=torch.uint8).view(1, 3, 1, 1),
}


def pictures(count: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (2, count, 3, height, width)
    first, second = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return first, second


@pytest.mark.parametrize("size", SIZES)
def test_psnr_agrees_with_scikit_image(size: tuple[int, int, int]) -> None:
    rgb, truth = pictures(*size)
    expected = [
        peak_signal_noise_ratio(t.numpy(), p.numpy(), data_range=255)
        for p, t in zip(rgb, truth, strict=True)
    ]
    assert psnr(rgb, truth).numpy() == pytest.approx(expected, rel=1e-5)


def test_psnr_of_truth_is_infinite() -> None:
    rgb, _ = pictures(2, 4, 4)
    assert torch.isinf(psnr(rgb, rgb)).all()


@pytest.mark.parametrize("size", SIZES)
def test_rgb_differences_agree_with_numpy(size: tuple[int, int, int]) -> None:
    rgb, truth = pictures(*size)
    error = truth.numpy().astype(np.int64) - rgb.numpy().astype(np.int64)
    assert signed_rgb_difference(rgb, truth).tolist() == error.sum((1, 2, 3)).tolist()
    expected = np.abs(error).mean((1, 2, 3))
    assert absolute_rgb_difference(rgb, truth).numpy() == pytest.approx(expected, rel=1e-6)


def test_signed_difference_is_original_minus_predicted_and_cancels() -> None:
    truth = torch.full((1, 3, 2, 2), 100, dtype=torch.uint8)
    darker = truth - 10
    assert signed_rgb_difference(darker, truth).item() == 10 * 3 * 4
    mixed = truth.clone()
    mixed[..., 0], mixed[..., 1] = 0, 200
    assert signed_rgb_difference(mixed, truth).item() == 0
    assert absolute_rgb_difference(mixed, truth).item() == 100


def test_ab_mse_agrees_with_numpy() -> None:
    generator = torch.Generator().manual_seed(0)
    ab, truth = (torch.rand(2, 3, 2, 5, 4, generator=generator) - 0.5) * 200
    expected = (((ab - truth).double().numpy() / 128) ** 2).mean((1, 2, 3))
    assert ab_mse(ab, truth).numpy() == pytest.approx(expected, rel=1e-5)


def test_rmse_is_the_root_in_cie_units() -> None:
    ab, truth = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    ab[:, 0] = 6
    assert ab_rmse(ab, truth).item() == pytest.approx(np.sqrt(18))


def test_ssim_agrees_with_torchmetrics() -> None:
    rgb, truth = pictures(4, 24, 32)
    near = (truth.float() * 0.8 + rgb.float() * 0.2).round().byte()
    # Their mean takes in the border, which they reflect: compare the middle.
    _, image = structural_similarity_index_measure(
        near.float(), truth.float(), data_range=255.0, reduction="none", return_full_image=True
    )
    expected = image[..., 5:-5, 5:-5].mean(dim=(1, 2, 3)).numpy()
    assert ssim(near, truth).numpy() == pytest.approx(expected, abs=1e-4)


def test_ssim_of_small_pictures_sees_their_border_go_on() -> None:
    rgb, truth = pictures(1, 4, 4)
    wide = [np.pad(x.numpy(), [(0, 0), (0, 0), (0, 7), (0, 7)], "edge") for x in (rgb, truth)]
    expected = ssim(*map(torch.from_numpy, wide)).item()
    assert ssim(rgb, truth).item() == pytest.approx(expected)
    assert -1 <= expected < 1


@pytest.mark.parametrize("size", SIZES)
def test_ciede2000_agrees_with_scikit_image(size: tuple[int, int, int]) -> None:
    rgb, truth = pictures(*size)
    first, second = (rgb2lab(x.permute(0, 2, 3, 1).numpy()) for x in (rgb, truth))
    expected = deltaE_ciede2000(first, second).mean((1, 2))
    lab = rgb_to_lab(from_uint8(truth))
    pair = Pair(lab.ab, rgb, lab, truth)
    assert MEASURES["ciede2000"](pair).numpy() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_colorfulness_agrees_with_numpy(size: tuple[int, int, int]) -> None:
    rgb, _ = pictures(*size)
    red, green, blue = rgb.numpy().astype(float).transpose(1, 0, 2, 3)
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread = np.sqrt(rg.std((1, 2)) ** 2 + yb.std((1, 2)) ** 2)
    shift = np.sqrt(rg.mean((1, 2)) ** 2 + yb.mean((1, 2)) ** 2)
    assert colorfulness(rgb).numpy() == pytest.approx(spread + 0.3 * shift, rel=1e-6)


def test_colorfulness_keeps_the_sign_of_the_opponents() -> None:
    halves = torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
    halves[0, 0, 0, 0] = halves[0, 1, 0, 1] = 200
    # rg is +200 and -200: its mean is 0, which absolute values would hide.
    assert colorfulness(halves).item() == pytest.approx(200 + 0.3 * 100)


def test_auc_is_the_area_under_the_cumulative_curve() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(2, 2, 9, 9)
    ab = torch.randn(2, 2, 9, 9, generator=generator) * 60
    ab[0, :, 0, 0], ab[0, 0, 0, 1], ab[0, 0, 0, 2] = 0, 150, 7
    ab[0, 1, 0, 1:3] = 0
    distance = np.linalg.norm(ab.numpy(), axis=1)
    curve = [(distance <= threshold).mean((1, 2)) for threshold in range(151)]
    expected = np.trapezoid(curve, axis=0) / 150
    assert MEASURES["auc"].compare(ab, truth).numpy() == pytest.approx(expected, rel=1e-5)


def test_rebalanced_auc_weighs_pixels_by_how_rare_their_colour_is() -> None:
    truth = torch.zeros(2, 2, 4, 4)
    truth[0, 0, 0, 0] = 55  # one pixel of a class of its own
    truth[1, 1] = -35
    ab = truth.clone()
    ab[0, 0, 0, 0] += 30
    ab[1, 1] += 15
    weights = class_weights(class_shares(truth))
    assert weights.shape == (CLASSES,)
    values, weight = rebalanced_auc(ab, truth, weights), rarity(truth, weights)
    # The classes lie so far apart that their Gaussians (sigma half a class) do not meet: each
    # weighs the same, but (0,-35) loses a little into (0,0) and back. Distances 30 and 15 cost
    # half a step less than they say.
    expected = (1 + (150 - 29.5) / 150 + (150 - 14.5) / 150) / 3
    assert (values * weight).sum() / weight.sum() == pytest.approx(expected, abs=1e-3)
    assert weight.mean().item() == pytest.approx(1)


def test_shares_of_classes_are_smoothed_before_they_are_inverted() -> None:
    shares = torch.zeros(26, 26, dtype=torch.float64)
    shares[10, 10], shares[10, 11] = 0.9, 0.1
    weights = class_weights(shares.flatten()).view(26, 26)
    offsets = np.arange(-2, 3)  # the Gaussian of 5 units on squares of 10, cut at 4 sigma
    kernel = np.exp(-0.5 * (offsets / 0.5) ** 2)
    beside = kernel[3] / kernel[2]
    smooth = np.array([0.9 + 0.1 * beside, 0.1 + 0.9 * beside])
    expected = smooth[0] / smooth[1]
    assert (weights[10, 11] / weights[10, 10]).item() == pytest.approx(expected, rel=1e-5)
    assert weights.count_nonzero() == 2


@pytest.mark.parametrize("name", DEGENERATE)
def test_truth_scored_against_itself_is_perfect(name: str) -> None:
    rgb = DEGENERATE[name]
    truth = rgb_to_lab(from_uint8(rgb))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair = pair_with_truth(truth.ab, truth, rgb)
        scores = {metric: measure(pair).item() for metric, measure in MEASURES.items()}
    own = colorfulness(rgb).item()
    perfect = {"psnr": float("inf"), "ssim": 1, "auc": 1, "colorfulness": own}
    perfect["colorfulness_absolute"] = colorfulness(rgb, is_absolute=True).item()
    assert scores == {**dict.fromkeys(MEASURES, 0), **perfect}


@pytest.mark.parametrize("name", DEGENERATE)
def test_every_measure_is_finite_on_wrong_colours(name: str) -> None:
    rgb = DEGENERATE[name]
    truth = rgb_to_lab(from_uint8(rgb))
    pair = pair_with_truth(truth.ab + 20, truth, rgb)
    for metric, measure in MEASURES.items():
        # Black and white stay what they are whatever their ab.
        if not (metric == "psnr" and name in ("black", "white")):
            assert torch.isfinite(measure(pair)).all(), metric


@pytest.mark.parametrize("name", MEASURES)
def test_metric_is_the_mean_over_photographs_however_batched(name: str) -> None:
    rgb, other = pictures(5, 12, 12)
    truth = rgb_to_lab(from_uint8(rgb))
    pair = pair_with_truth(rgb_to_lab(from_uint8(other)).ab, truth, rgb)
    metric = MeanOverPhotographs(MEASURES[name])
    for part in (slice(0, 1), slice(1, 5)):
        inner = type(truth)(truth.L[part], truth.ab[part])
        metric.update(Pair(pair.ab[part], pair.rgb[part], inner, rgb[part]))
    expected = MEASURES[name](pair).mean().item()
    assert metric.compute().item() == pytest.approx(expected, rel=1e-5)


def test_collection_scores_truth_as_perfect_and_gray_as_colourless() -> None:
    rgb, _ = pictures(3, 8, 8)
    truth = rgb_to_lab(from_uint8(rgb))
    metrics = make_metrics("x/")
    metrics.update(pair_with_truth(truth.ab, truth))
    scores = {name: value.item() for name, value in metrics.compute().items()}
    perfect = {"x/mse": 0, "x/psnr": float("inf"), "x/rgb_absolute": 0, "x/rgb_signed": 0}
    perfect["x/colorfulness_shift"] = 0
    assert scores == perfect
    metrics.reset()
    gray = torch.zeros_like(truth.ab)
    metrics.update(pair_with_truth(gray, truth))
    shown = to_uint8(lab_to_rgb(truth.L, gray)).numpy().astype(float)
    expected = np.abs(rgb.numpy() - shown).mean()
    assert metrics.compute()["x/rgb_absolute"].item() == pytest.approx(expected, rel=1e-5)
