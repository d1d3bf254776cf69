"""Each setting does what it says, and none does nothing."""

from typing import Any

import pytest
import torch

from colorization.color import lab_to_rgb, rgb_to_lab
from colorization.data.augmentation import Augmentation

OFF: dict[str, Any] = {
    "flip_horizontal": 0,
    "flip_vertical": 0,
    "rotation": 0,
    "shift": 0,
    "zoom": 0,
    "brightness": 0,
    "contrast": 0,
    "border": "reflection",
}


def pictures() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(8, 3, 16, 16) * 0.6 + 0.2


def changed(**settings: Any) -> torch.Tensor:
    rgb = pictures()
    return Augmentation(**{**OFF, **settings})(rgb)


def test_nothing_asked_for_changes_nothing() -> None:
    assert torch.equal(changed(), pictures())


@pytest.mark.parametrize(("setting", "dim"), [("flip_horizontal", 3), ("flip_vertical", 2)])
def test_flips(setting: str, dim: int) -> None:
    assert torch.equal(changed(**{setting: 1}), pictures().flip(dim))


@pytest.mark.parametrize("setting", [{"rotation": 30}, {"shift": 0.3}, {"zoom": 0.3}])
def test_geometry_moves_pixels_and_draws_anew_for_each(setting: dict[str, float]) -> None:
    same = pictures()[:1].expand(8, -1, -1, -1)
    moved = Augmentation(**{**OFF, **setting})(same)
    assert moved.shape == same.shape
    assert all(not torch.equal(one, same[0]) for one in moved)
    assert len({one.sum().item() for one in moved}) == 8


@pytest.mark.parametrize(("border", "has_black"), [("zeros", True), ("border", False)])
def test_border_fills_what_turns_up(border: str, has_black: bool) -> None:
    moved = changed(shift=0.4, border=border)
    assert bool((moved.sum(1) == 0).any()) == has_black


def test_brightness_multiplies_within_its_range() -> None:
    ratio = changed(brightness=0.2) / pictures()
    flat = ratio.flatten(1)
    assert (flat.std(1) < 1e-3).all()
    assert ((flat.mean(1) > 0.799) & (flat.mean(1) < 1.201)).all()
    assert flat.mean(1).std() > 0.03


def test_contrast_keeps_the_mean() -> None:
    after = changed(contrast=0.2)
    assert (after.std((1, 2, 3)) - pictures().std((1, 2, 3))).abs().max() > 0.005
    assert (after.mean((1, 2, 3)) - pictures().mean((1, 2, 3))).abs().max() < 0.02


def test_targets_are_never_stale() -> None:
    """L and ab come from the changed picture, so together they give it back."""
    rgb = changed(brightness=0.3, contrast=0.3, rotation=10)
    assert (lab_to_rgb(*rgb_to_lab(rgb)) - rgb).abs().max() < 1e-3


def test_autocast_changes_nothing() -> None:
    torch.manual_seed(1)
    plain = Augmentation(**{**OFF, "rotation": 20, "brightness": 0.2})(pictures())
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = Augmentation(**{**OFF, "rotation": 20, "brightness": 0.2})(pictures())
    assert torch.equal(plain, cast)
