"""Metrics against NumPy and scikit-image, on random and degenerate pictures."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from src.color import LabBatch, from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from src.metrics import color_metrics, update_metrics
from src.metrics.mse import AbMSE, ab_mse
from src.metrics.psnr import PSNR, psnr
from src.metrics.rgb_difference import (
    AbsoluteRGBDifference,
    SignedRGBDifference,
    absolute_rgb_difference,
    signed_rgb_difference,
)

SIZES = [(4, 8, 6), (3, 1, 1)]


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


@pytest.mark.parametrize(
    ("metric", "function"),
    [
        (PSNR(), psnr),
        (SignedRGBDifference(), signed_rgb_difference),
        (AbsoluteRGBDifference(), absolute_rgb_difference),
        (AbMSE(), ab_mse),
    ],
)
def test_metric_is_the_mean_over_photographs_however_batched(metric, function) -> None:
    rgb, truth = pictures(5, 4, 4)
    if function is ab_mse:
        rgb, truth = rgb[:, :2].float(), truth[:, :2].float()
    metric.update(rgb[:1], truth[:1])
    metric.update(rgb[1:], truth[1:])
    assert metric.compute().item() == pytest.approx(function(rgb, truth).mean().item(), rel=1e-5)


def test_collection_scores_truth_as_perfect_and_gray_as_colourless() -> None:
    rgb, _ = pictures(3, 8, 8)
    truth = rgb_to_lab(from_uint8(rgb))
    metrics = color_metrics("x/")
    update_metrics(metrics, truth.ab, truth)
    scores = {name: value.item() for name, value in metrics.compute().items()}
    assert scores == {
        "x/mse": 0,
        "x/psnr": float("inf"),
        "x/rgb_absolute": 0,
        "x/rgb_signed": 0,
    }
    metrics.reset()
    gray = torch.zeros_like(truth.ab)
    update_metrics(metrics, gray, truth)
    shown = to_uint8(lab_to_rgb(LabBatch(truth.L, gray).L, gray)).numpy().astype(float)
    expected = np.abs(rgb.numpy() - shown).mean()
    assert metrics.compute()["x/rgb_absolute"].item() == pytest.approx(expected, rel=1e-5)
