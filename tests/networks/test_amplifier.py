"""The amplifier: what it starts as, and what it may change."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.networks.amplifier import Amplifier
from colorization.settings.commands import Train
from colorization.settings.compose import to_dict
from colorization.training.colorizer import Colorizer
from colorization.training.run import build_parts, train

UNET = ["network=unet", "network.width=8", "trainer.max_epochs=2"]


@pytest.mark.parametrize("size", [(16, 16), (33, 7), (1, 1)])
def test_it_starts_as_the_identity_at_any_size(size: tuple[int, int]) -> None:
    L, ab = torch.rand(2, 1, *size) * 100, torch.randn(2, 2, *size) * 60
    assert torch.equal(Amplifier(8, 1)(L, ab), ab), "also where sRGB has no such colour"


def test_it_adds_to_rgb_and_puts_lightness_back() -> None:
    amplifier = Amplifier(4, 1)
    with torch.no_grad():
        amplifier.layers[-1].bias.copy_(torch.tensor([0.1, 0.0, -0.05]))
    lab = torch.tensor([55.0, 12.0, -9.0])
    more = lab2rgb(lab.numpy()) + np.array([0.1, 0, -0.05])
    found = amplifier(lab[:1].view(1, 1, 1, 1), lab[1:].view(1, 2, 1, 1)).flatten()
    assert found.tolist() == pytest.approx(rgb2lab(more)[1:].tolist(), abs=0.02)


def test_gradients_are_finite_for_black_white_and_colours_outside_srgb() -> None:
    amplifier = Amplifier(8, 1)
    torch.nn.init.normal_(amplifier.layers[-1].weight)
    L = torch.tensor([0.0, 100.0, 50.0, 1.0]).view(4, 1, 1, 1).expand(4, 1, 8, 8)
    ab = (torch.randn(4, 2, 8, 8) * 80).requires_grad_()
    amplifier(L, ab).square().sum().backward()
    assert ab.grad is not None
    assert all(weight.grad.isfinite().all() for weight in amplifier.parameters())  # type: ignore[union-attr]
    assert ab.grad.isfinite().all()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 48), (20, 25), (39, 2)])
def test_likely_colours_are_as_strong_as_the_prediction(
    settings: Callable[..., Train], row: int, column: int
) -> None:
    """A regression finds one colour likely: the one that it predicts."""
    colorizer, _ = build_parts(settings("amplifier=residual"))
    for weight in colorizer.network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    assert colorizer.amplifier
    torch.nn.init.normal_(colorizer.amplifier.layers[-1].weight, std=0.05)
    colorizer.set_decoding(flip_average=True, strength=0.7)
    colorizer.eval()
    L = torch.rand(1, 1, 40, 50) * 60 + 20
    with torch.inference_mode():
        expected = colorizer(L)[0, :, row, column]
        (found,) = colorizer.likely(colorizer.raw_views(L), L, row, column)
        colorizer.set_decoding(strength=0)
        weaker = colorizer(L)[0, :, row, column]
    assert found.tolist() == pytest.approx(expected.tolist(), abs=0.01)
    assert (expected - weaker).abs().max() > 0.5, "strength matters"


def test_trained_jointly_everything_changes(settings: Callable[..., Train], tmp_path: Path) -> None:
    chosen = settings(*UNET, "amplifier=residual", "amplifier.weight=10")
    before = build_parts(chosen)[0].state_dict()
    train(chosen, tmp_path)
    after = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["state_dict"]
    for part in ("network.head", "amplifier.layers.0", "amplifier.layers.6"):
        assert not torch.equal(before[f"{part}.weight"], after[f"{part}.weight"])


def test_one_that_nothing_trains_is_refused(settings: Callable[..., Train]) -> None:
    config = to_dict(settings("amplifier=residual", "amplifier.weight=0"))
    parts = ("network", "objective", "optimizer", "scheduler", "amplifier")
    with pytest.raises(InputError, match=r"nothing trains the amplifier: set amplifier\.weight"):
        Colorizer(**{part: config[part] for part in parts})
