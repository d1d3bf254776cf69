"""Models take hints: the same without any, and told by what is given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from colorization.errors import InputError
from colorization.evaluation.run import evaluate
from colorization.hints.file import Hint, Hints, write_hints
from colorization.hints.simulate import draw_spots
from colorization.inference.album import colorize_album
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.settings.commands import Evaluate, Train
from colorization.training.colorizer import load_colorizer
from colorization.training.run import build_parts, train
from tests.cli.test_colorize import settings as colorize_settings

NETWORKS = {
    "paper": ("network=paper",),
    "unet": ("network=unet", "network.width=8"),
    "classifier": ("network=unet", "network.width=8", "encoder=efficientnet_lite0"),
    "fusion": ("network=fusion",),
}


@pytest.fixture(scope="module")
def trained(settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a network that has learned colours for a little while."""
    folder = tmp_path_factory.mktemp("trained")
    words = ("network=unet", "network.width=8", "objective=bins")
    more = ("trainer.max_epochs=6", "dataset.train=32", "optimizer.lr=3e-3")
    train(settings(*words, *more, "flip_average=true"), folder)
    return folder / "checkpoints" / "best.ckpt"


@pytest.mark.parametrize("network", NETWORKS)
def test_no_hints_are_the_automatic_path_bit_for_bit(
    settings: Callable[..., Train], network: str
) -> None:
    colorizer, _ = build_parts(settings(*NETWORKS[network]))
    for weight in colorizer.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    colorizer.eval()
    L = 100 * torch.rand(2, 1, 35, 50)
    none = torch.zeros(2, 3, 35, 50)
    some = none.clone()
    some[:, :, 10:13, 10:13] = torch.tensor([40.0, -30, 1])[:, None, None]
    with torch.inference_mode():
        automatic = colorizer(L)
        assert torch.equal(colorizer(L, none), automatic)
        assert not torch.equal(colorizer(L, some), automatic)
        assert colorizer(L, some).shape == (2, 2, 35, 50)


def test_a_mirrored_photograph_has_mirrored_hints(trained: Path) -> None:
    colorizer = load_colorizer(trained)
    L = 100 * torch.rand(1, 1, 32, 64)
    hints = draw_spots(50 * torch.randn(1, 2, 32, 64), torch.tensor([[[8, 9], [20, 53]]]), 5)
    with torch.inference_mode():
        both = colorizer(L, hints)
        assert torch.allclose(colorizer(L.flip(-1), hints.flip(-1)).flip(-1), both, atol=1e-3)


@pytest.mark.parametrize("model", ["trained", "checkpoint"])
def test_a_spot_has_its_colour_there(model: str, request: pytest.FixtureRequest) -> None:
    colorizer = load_colorizer(request.getfixturevalue(model))
    L = torch.full((1, 1, 32, 40), 55.0)
    hints = torch.zeros(1, 3, 32, 40)
    for ab in ((40.0, 40.0), (-40.0, 40.0)):
        hints[:, :2, 8:13, 8:13] = torch.tensor(ab)[:, None, None]
        hints[:, 2, 8:13, 8:13] = 1
        with torch.inference_mode():
            found = colorizer(L, hints)[0, :, 10, 10]
        assert found.tolist() == pytest.approx(ab, abs=5)


def test_an_evaluation_has_a_curve_for_each_way_of_placing(
    trained: Path, asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    words = ("datasets=[synthetic]", "tracks=own", "metrics=[mse,psnr]", "hints=[0,1,8,30]")
    found = evaluate(asked(trained, *words), tmp_path)
    (track,) = found["datasets"]["synthetic"]["tracks"].values()
    (label,) = found["checkpoints"]
    for placing in ("at random", "suggested"):
        curve = track["hints"][label][placing]
        assert list(curve) == [0, 1, 8, 30]
        assert curve[0] == track["scores"][label]
        assert curve[30]["mse"]["mean"] < curve[0]["mse"]["mean"]
        assert curve[30]["psnr"]["low"] < curve[30]["psnr"]["mean"] < curve[30]["psnr"]["high"]
    assert not any("spots" in name for name in track["scores"])
    page, text = ((tmp_path / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "What hints are worth" in page
    assert "| 30 suggested |" in text


def test_numbers_of_spots_have_limits(checkpoint: Path, asked: Callable[..., Evaluate]) -> None:
    with pytest.raises(InputError, match=r"hints is -1; it must be at least 0"):
        asked(checkpoint, "hints=[-1]")
    with pytest.raises(InputError, match="hints is 1001; it must be at most 1000"):
        asked(checkpoint, "hints=1001")
    with pytest.raises(InputError, match=r"hints is \[True\]; it must be whole numbers, as"):
        asked(checkpoint, "hints=true")
    with pytest.raises(InputError, match="own size: add own to tracks"):
        asked(checkpoint, "hints=5", "tracks=native")
    assert asked(checkpoint, "hints=5").hints == [5]


def test_a_given_colour_is_not_made_stronger(checkpoint: Path) -> None:
    hints = Hints(64, 48, (Hint("#a06464", 15, ((30, 24),)),))
    found = [
        PhotoColorizer.load(str(checkpoint), size=48, saturation=saturation).colorize(gray(), hints)
        for saturation in (0.5, 1, 2)
    ]
    colors = [rgb2lab(np.asarray(picture))[24, 30, 1:] for picture in found]
    assert colors[0] == pytest.approx(colors[1], abs=3)
    assert colors[2] == pytest.approx(colors[1], abs=3)


@pytest.mark.parametrize("saturation", [0, 0.05, 0.5, 10])
def test_a_hint_is_told_and_comes_out_in_its_own_colour(
    checkpoint: Path, saturation: float
) -> None:
    hints = Hints(64, 48, (Hint("#a06464", 15, ((30, 24),)),))
    colorizer = PhotoColorizer.load(str(checkpoint), size=48, saturation=saturation)
    given = rgb2lab(np.array([160, 100, 100]) / 255)
    seen = colorizer.seen(np.full((48, 64), 30_000, np.uint16), hints)
    assert seen[0, 1:3, 24, 30] == pytest.approx(given[1:])
    found = rgb2lab(colorizer.colorize(np.full((48, 64), 118, np.uint8), hints))[24, 30]
    left = 15 if saturation == 10 else 3  # a twentieth of what a hint corrects is noise
    assert found == pytest.approx(given, abs=left)


def gray(height: int = 48, width: int = 64) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def test_hints_in_a_file_colour_as_in_python(trained: Path, tmp_path: Path) -> None:
    gray().save(tmp_path / "old.png")
    hints = Hints(64, 48, (Hint("#c83232", 9, ((20, 20), (40, 22))),))
    write_hints(hints, tmp_path / "hints.json")
    words = [f"input={tmp_path}/old.png", f"model={trained}", "size=48", "existing=overwrite"]
    for more in ([], ["tiles=true"]):
        colorizer = PhotoColorizer.load(str(trained), size=48, tiles=bool(more))
        found = []
        for given in ([f"hints={tmp_path}/hints.json"], []):
            output = tmp_path / "new.png"
            summary = colorize_album(**colorize_settings(*words, *more, f"output={output}", *given))
            assert summary.colored == 1, summary.failed
            found.append(np.asarray(Image.open(output)))
        told, automatic = found
        same = np.asarray(colorizer.colorize(gray(), hints))
        # Threads of another number add up in another order.
        assert np.abs(told.astype(int) - same).max() <= 1
        plain = np.asarray(colorizer.colorize(gray()))
        assert np.abs(automatic.astype(int) - plain).max() <= 1
        assert np.abs(told.astype(int) - automatic).max() > 20


def test_hints_that_do_not_fit_are_refused(trained: Path, tmp_path: Path) -> None:
    hints = Hints(64, 48, (Hint("#c83232", 9, ((20, 20),)),))
    with pytest.raises(InputError, match="for a picture of 64 x 48 px, this one has 30 x 20"):
        PhotoColorizer.load(str(trained)).colorize(gray(20, 30), hints)
    write_hints(hints, tmp_path / "hints.json")
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        gray(20, 30).save(tmp_path / "photos" / name)
    words = [f"hints={tmp_path}/hints.json", f"output={tmp_path}/out", f"model={trained}"]
    with pytest.raises(InputError, match="hints are for one photograph; set input to a file"):
        colorize_album(**colorize_settings(f"input={tmp_path}/photos", *words))
    summary = colorize_album(**colorize_settings(f"input={tmp_path}/photos/a.png", *words))
    (reason,) = summary.failed.values()
    assert reason.startswith("the hints are for a picture of 64 x 48 px")
    assert not (tmp_path / "out" / "a.png").exists()
