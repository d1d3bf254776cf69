"""Colours follow what moves, come back from behind it, and stay steady."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab

from colorization.color import from_uint8, rgb_to_lab
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.video.carrying import (
    EXACT,
    UNKNOWN,
    Link,
    Linker,
    State,
    fuse,
    pixel_places,
    smooth,
    traced_share,
    warp,
)
from colorization.video.scores import (
    color_distribution_consistency,
    histograms,
    js_divergence,
    warp_error,
)
from colorization.video.shot_colorizer import ShotColorizer
from tests.video.conftest import render_scene

SIZE = (160, 96)


def scene(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """L and ab of a rendered scene's frames."""
    lab = [rgb2lab(render_scene(index, SIZE)).astype(np.float32) for index in range(count)]
    return [np.ascontiguousarray(x[..., 0]) for x in lab], [x[..., 1:].copy() for x in lab]


def error(ab: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(ab - true, axis=2).mean())


def test_a_given_first_frame_is_carried_better_than_flow_alone(colorizer: PhotoColorizer) -> None:
    L, ab = scene(16)
    colors = list(ShotColorizer(colorizer).colorize(L, {0: ab[0]}))
    flow, linker = ab[0], Linker()
    for earlier, later in pairwise(L):
        flow = warp(flow, linker(earlier, later).back)
    ours, alone = error(colors[-1], ab[-1]), error(flow, ab[-1])
    assert ours < alone
    assert ours < error(ab[0], ab[-1])  # colours left where they are
    np.testing.assert_allclose(colors[0], ab[0], atol=0.1)


def test_a_given_last_frame_reaches_the_first(colorizer: PhotoColorizer) -> None:
    L, ab = scene(12)
    colors = list(ShotColorizer(colorizer).colorize(L, {11: ab[11]}))
    predicted = ShotColorizer(colorizer).predict(L[0])
    assert error(colors[0], ab[0]) < 0.5 * error(predicted, ab[0])


def test_parts_of_a_shot_join_without_a_step(colorizer: PhotoColorizer) -> None:
    L, ab = scene(40)
    whole = list(ShotColorizer(colorizer).colorize(L, {0: ab[0]}))
    parts = list(ShotColorizer(colorizer).colorize(L, {0: ab[0]}, chunk=36))
    assert len(whole) == len(parts) == len(L)
    most = max(error(*pair) for pair in pairwise(whole))
    assert max(error(*pair) for pair in pairwise(parts)) < 2 * most
    assert max(error(*pair) for pair in zip(whole, parts, strict=True)) < 2


def test_smoothing_still_frames_weighs_by_variance() -> None:
    places = pixel_places((4, 4))
    still = Link(places, places, np.full((4, 4), 0.0, np.float32), np.zeros((4, 4), np.float32))

    def known(value: float, variance: float) -> State:
        return State(np.full((4, 4, 2), value, np.float32), np.full((4, 4), variance, np.float32))

    states, _ = smooth([still, still], [known(0, 100), None, known(30, 200)])
    for state in states:  # (0 / 100 + 30 / 200) / (1 / 100 + 1 / 200)
        np.testing.assert_allclose(state.ab, 10, atol=0.5)


def test_fusing_with_nothing_known_changes_nothing() -> None:
    one = State(np.full((2, 2, 2), 7, np.float32), np.full((2, 2), EXACT, np.float32))
    nothing = State(np.zeros((2, 2, 2), np.float32), np.full((2, 2), UNKNOWN, np.float32))
    np.testing.assert_allclose(fuse(one, nothing).ab, 7, atol=1e-3)
    assert traced_share(nothing.variance) == 0


def test_what_comes_in_at_the_border_is_not_traced() -> None:
    noise = np.random.default_rng(0).normal(50, 400, (96, 160))
    wide = gaussian_filter(noise, 4).clip(0, 100).astype(np.float32)
    link = Linker()(wide[:, :150].copy(), wide[:, 6:156].copy())
    inside = np.median(link.lost_back[10:-10, 20:-30])
    assert inside < 1
    assert np.median(link.lost_back[:, -8:]) > 10 * inside


def test_cdc_is_that_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    random = np.random.default_rng(1)
    pictures = [random.integers(0, 60 + 20 * i, (20, 20, 3), np.uint8) for i in range(6)]
    found = [histograms(picture) for picture in pictures]
    expected = np.mean([jensenshannon(a, b) ** 2 for a, b in zip(*found[:2], strict=True)])
    assert js_divergence(*found[:2]) == pytest.approx(expected)
    steps = [
        np.mean([js_divergence(a, b) for a, b in zip(found[:-k], found[k:], strict=True)])
        for k in (1, 2, 4)
    ]
    assert color_distribution_consistency(found) == pytest.approx(np.mean(steps))
    assert color_distribution_consistency(found[:1] * 6) == 0


def test_colors_that_follow_have_no_warp_error() -> None:
    L, ab = scene(2)
    link = Linker()(*L)
    flickering = ab[1] + np.float32(8)
    assert warp_error(ab[0], warp(ab[0], link.back), link) == 0
    assert warp_error(ab[0], flickering, link) > 5


def test_the_scenes_are_what_the_package_takes_for_lab() -> None:
    rgb = render_scene(3, SIZE)
    ours = rgb_to_lab(from_uint8(torch.from_numpy(rgb).permute(2, 0, 1)[None])).ab[0]
    theirs = rgb2lab(rgb)[..., 1:]
    np.testing.assert_allclose(ours.permute(1, 2, 0).numpy(), theirs, atol=0.05)
