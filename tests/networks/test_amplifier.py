"""The amplifier: what it starts as, what it may change, and what stays as it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from colorization.errors import InputError
from colorization.models.checkpoints import DATA, read_checkpoint
from colorization.networks.amplifier import Amplifier
from colorization.settings.commands import Train
from colorization.settings.compose import plain
from colorization.training.colorizer import Colorizer, load_colorizer
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
    colorizer.decode_otherwise(flip_average=True, strength=0.7)
    colorizer.eval()
    L = torch.rand(1, 1, 40, 50) * 60 + 20
    with torch.inference_mode():
        expected = colorizer(L)[0, :, row, column]
        (found,) = colorizer.likely(colorizer.raw_views(L), L, row, column)
        colorizer.decode_otherwise(strength=0)
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


@pytest.mark.parametrize("objective", ["mse", "bins"])
def test_on_a_frozen_colorizer_only_the_amplifier_changes(
    settings: Callable[..., Train], tmp_path: Path, objective: str
) -> None:
    words = [*UNET, f"objective={objective}", "network.dropout=0.5"]
    train(settings(*words), tmp_path / "first")
    path = tmp_path / "first" / "checkpoints" / "best.ckpt"
    more = ["amplifier=residual", f"amplifier.colorizer={path}", "trainer.ema=0.9", "seed=5"]
    train(settings(*words, *more), tmp_path / "second")
    first = read_checkpoint(path)["state_dict"]
    second = read_checkpoint(tmp_path / "second" / "checkpoints" / "last.ckpt")["state_dict"]
    assert not [name for name, value in first.items() if not torch.equal(second[name], value)]
    assert second["amplifier.layers.6.weight"].abs().max() > 0
    path.unlink()
    assert load_colorizer(tmp_path / "second" / "checkpoints" / "best.ckpt").amplifier


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (["vivid=true"], [], r"was trained with strength=\d\.\d+, this run has 0\.0; set both"),
        ([], ["network.width=16"], r"with network\.width=8, this run has 16; set both alike"),
        ([], ["objective=bins"], r"with objective\._target_=.*MeanSquaredError, this run has"),
        ([], ["flip_average=true"], r"with flip_average=False, this run has True"),
        (["amplifier=residual"], [], r"with amplifier\._target_=.*Amplifier, this run has None"),
    ],
)
def test_a_colorizer_that_colours_otherwise_is_refused(
    settings: Callable[..., Train],
    tmp_path: Path,
    first: list[str],
    second: list[str],
    message: str,
) -> None:
    train(settings(*UNET, *first), tmp_path / "first")
    path = tmp_path / "first" / "checkpoints" / "best.ckpt"
    chosen = settings(*UNET, "amplifier=residual", f"amplifier.colorizer={path}", *second)
    with pytest.raises(InputError, match=rf"amplifier\.colorizer=.*{message}"):
        train(chosen, tmp_path / "run")


def test_a_colorizer_that_is_not_there_is_named_before_any_data_is_read(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    words = ["dataset=folder", "dataset.root=absent", "amplifier=residual"]
    chosen = settings(*words, "amplifier.colorizer=nowhere.ckpt")
    with pytest.raises(InputError, match=r"no checkpoint nowhere\.ckpt"):
        train(chosen, tmp_path / "run")


def test_what_a_frozen_colorizer_has_seen_is_recorded(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    train(settings(*UNET), tmp_path / "first")
    path = tmp_path / "first" / "checkpoints" / "best.ckpt"
    more = ["amplifier=residual", f"amplifier.colorizer={path}", "dataset.seed=7"]
    train(settings(*UNET, *more), tmp_path / "second")
    first, second = (
        set(read_checkpoint(tmp_path / run / "checkpoints" / "best.ckpt")[DATA]["seen"])
        for run in ("first", "second")
    )
    assert first < second
    assert len(second) == 2 * len(first)


@pytest.mark.parametrize("frozen", [True, False])
def test_one_that_nothing_trains_is_refused(settings: Callable[..., Train], frozen: bool) -> None:
    config = plain(settings("amplifier=residual", "amplifier.weight=0"))
    config["amplifier"]["colorizer"] = "some.ckpt" if frozen else None
    parts = ("network", "objective", "optimizer", "scheduler", "amplifier")
    with pytest.raises(InputError, match=r"nothing trains the amplifier: set amplifier\.weight"):
        Colorizer(**{part: config[part] for part in parts})


def test_a_frozen_colorizer_predicts_in_training_as_ever(settings: Callable[..., Train]) -> None:
    chosen = settings(*UNET, "network.dropout=0.9", "amplifier=residual")
    assert chosen.amplifier is not None
    chosen.amplifier.colorizer = "some.ckpt"  # type: ignore[attr-defined]
    colorizer = build_parts(chosen)[0].train()
    torch.nn.init.normal_(colorizer.network.head.weight)  # type: ignore[arg-type, union-attr]
    x = torch.rand(1, 1, 32, 32)
    assert torch.equal(colorizer.network(x), colorizer.network(x)), "nothing is dropped"
    assert colorizer.amplifier is not None
    assert colorizer.amplifier.training
