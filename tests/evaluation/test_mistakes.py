"""Hues and errors by place, on pictures whose answer is known."""

import math

import numpy as np
import pytest
import torch

from colorization.color import LabBatch
from colorization.evaluation.mistakes import CLASSES, HUES, Mistakes, average_error, classify_hue


def flatten(L: float, a: float, b: float, side: int = 4) -> LabBatch:
    ab = torch.tensor([a, b]).view(1, 2, 1, 1).expand(1, 2, side, side)
    return LabBatch(torch.full((1, 1, side, side), L), ab)


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_hue_class_is_the_nearest_multiple_of_45_degrees(degrees: int) -> None:
    angle = math.radians(degrees + 1)
    truth = flatten(50, 40 * math.cos(angle), 40 * math.sin(angle))
    expected = round((degrees + 1) / 45) % 8
    assert classify_hue(truth.ab).unique().tolist() == [expected]


def test_low_chroma_is_neutral() -> None:
    assert classify_hue(flatten(50, 7, 7).ab).unique().item() == CLASSES.index("neutral")
    assert classify_hue(flatten(50, 8, 8).ab).unique().item() != CLASSES.index("neutral")


def test_green_fur_is_a_number() -> None:
    fur = flatten(50, 20, 20)
    half_green = fur.ab.clone()
    half_green[..., :2] = torch.tensor([-30.0, 30.0]).view(1, 2, 1, 1)
    found = Mistakes()
    found.update(half_green, fur)
    assert found.hues() == pytest.approx(
        {"right": 0.5, "near": 0, "wrong": 0.5, "left_neutral": 0, "painted": math.nan}, nan_ok=True
    )
    assert found.confusion[HUES.index("red"), HUES.index("green")] == 0.5


def test_photographs_weigh_alike_whatever_their_size() -> None:
    found = Mistakes()
    small, large = flatten(50, 30, 0, side=2), flatten(50, -30, 0, side=9)
    found.update(small.ab, small)
    found.update(torch.zeros_like(large.ab), large)
    hues = found.hues()
    assert (hues["right"], hues["left_neutral"]) == (0.5, 0.5)


def test_errors_lie_where_lightness_and_chroma_say() -> None:
    found = Mistakes()
    for truth, error in (
        (flatten(12, 33, 0), 5.0),
        (flatten(100, 3, 0), 2.0),
        (flatten(12, 33, 0), 7.0),
    ):
        found.update(truth.ab + torch.tensor([0.0, error]).view(1, 2, 1, 1), truth)
    by_lightness, by_chroma = average_error(found.by_lightness), average_error(found.by_chroma)
    assert by_lightness[2] == pytest.approx(6)
    assert by_lightness[-1] == pytest.approx(2)
    assert by_chroma[6] == pytest.approx(6)
    assert by_chroma[0] == pytest.approx(2)
    assert np.isnan(by_lightness).sum() == len(by_lightness) - 2


def test_histogram_is_where_the_colours_are() -> None:
    found = Mistakes()
    found.update(flatten(50, 31, -17).ab, flatten(50, 0, 0))
    a, b = (found.histogram > 0).nonzero()[0].tolist()
    assert (a * 2 - 110, b * 2 - 110) == (30, -18)
    assert found.histogram.sum() == 1
