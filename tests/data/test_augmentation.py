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


def test_a_crop_shows_a_part_and_reaches_every_corner() -> None:
    """A picture whose colours are its coordinates tells which part of it a crop shows."""
    line = torch.linspace(0, 1, 64)
    place = torch.stack([line[:, None].expand(64, 64), line.expand(64, 64), torch.zeros(64, 64)])
    rgb = place.expand(500, -1, -1, -1)
    torch.manual_seed(0)
    seen = Augmentation(**{**OFF, "crop": 0.5})(rgb)
    assert seen.shape == rgb.shape
    extent = seen[:, :2].amax((2, 3)) - seen[:, :2].amin((2, 3))
    assert torch.allclose(extent[:, 0], extent[:, 1], atol=0.02)  # squares stay squares
    assert 0.45 < extent.min() < 0.55
    assert extent.max() > 0.95
    assert seen[:, :2].amin((2, 3)).max() > 0.4  # some begin far right or below
    assert seen[:, :2].amin((2, 3)).min() < 0.02


@pytest.mark.parametrize(("progress", "side"), [(0.0, 32), (0.5, 40), (0.65, 48), (1.0, 48)])
def test_pictures_grow_with_the_training(progress: float, side: int) -> None:
    rgb = torch.rand(2, 3, 48, 48)
    grown = Augmentation(**{**OFF, "grow": True})(rgb, progress)
    assert grown.shape[-2:] == (side, side)
    assert torch.equal(grown, rgb) == (side == 48)


def test_pictures_that_grow_come_again_and_random_ones_do_not() -> None:
    growing = Augmentation(**{**OFF, "grow": True, "flip_horizontal": 0.5})
    assert growing.is_repeating
    rgb = torch.rand(1, 3, 48, 48)
    seen = {growing(rgb, 0.1).numpy().tobytes() for _ in range(20)}
    assert len(seen) == 2, "a smaller picture, and its mirror image"
    for name, value in {"crop": 0.5, "aged": 0.5, "rotation": 5, "contrast": 0.1}.items():
        assert not Augmentation(**{**OFF, "grow": True, name: value}).is_repeating


def test_age_changes_the_lightness_of_its_share_and_no_colour() -> None:
    torch.manual_seed(0)
    lab = rgb_to_lab(torch.rand(400, 3, 16, 16))
    old = Augmentation(**{**OFF, "aged": 0.25}).age(lab)
    is_old = (old.L != lab.L).flatten(1).any(dim=1)
    assert 0.17 < is_old.float().mean() < 0.33
    assert torch.equal(old.ab, lab.ab)
    assert old.L.min() >= 0
    assert old.L.max() <= 100
    assert old.L[is_old].std() < lab.L.std()  # faded
    assert torch.equal(Augmentation(**OFF).age(lab).L, lab.L)
