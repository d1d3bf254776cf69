"""python -m src.colorize: pictures, folders, failures, kills."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from colorization.errors import InputError
from colorization.files.reading import read_picture
from colorization.inference.album import colorize_album
from colorization.inference.journal import JOURNAL
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import plan_album
from colorization.inference.stream import PhotoStream, WritingOptions
from colorization.networks.resize import predict_at_size
from colorization.training.colorizer import load_colorizer
from tests.support.command_line import ROOT, python, take_interrupts
from tests.support.keywords import keywords

RANDOM = np.random.default_rng(0)


settings = partial(keywords, "colorize")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """As many threads for other tests as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def smooth(height: int, width: int, seed: int = 0) -> Image.Image:
    """A gray picture with something to see."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.png", "deep/c.png", "deep/d.jpg")):
        smooth(60, 90 if index % 2 else 60, index).save(folder / name)
    return folder


def test_whole_photograph_keeps_its_lightness_and_gets_the_network_s_colours(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    done = colorize_album(
        **settings(
            f"input={photos}/b.png",
            f"output={tmp_path}/out.tif",
            f"model={checkpoint}",
            "precision=32-true",
        )
    )
    assert (done.colored, done.failed) == (1, {})
    gray = np.asarray(Image.open(photos / "b.png"))
    found = rgb2lab(np.asarray(Image.open(tmp_path / "out.tif")))
    L = rgb2lab(np.dstack([gray] * 3))[..., 0]
    assert np.abs(found[..., 0] - L).max() < 0.35
    colorizer = load_colorizer(checkpoint)
    with torch.no_grad():
        predict = predict_at_size(colorizer, torch.from_numpy(L).float()[None, None], 16)
    ab = predict[0].permute(1, 2, 0).numpy()
    inside = np.hypot(*(found[..., 1:] - ab).transpose(2, 0, 1))
    assert np.median(inside) < 0.6, "but for roundings of RGB and colours outside sRGB"


def test_folder_with_a_bad_file_is_done_but_for_that(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (photos / "cut.jpg").write_bytes((photos / "deep" / "d.jpg").read_bytes()[:300])
    words = [f"input={photos}", "output=out", f"model={checkpoint}"]
    done = python("src.colorize", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert "coloured: 4, in out" in done.stdout
    lines = done.stderr.splitlines()
    assert lines[-2] == "failed: 1"
    assert lines[-1].startswith(f"  {photos}/cut.jpg: ")
    found = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert found == {"a.png", "b.png", "deep/c.png", "deep/d.jpg"}
    for name in found:
        assert Image.open(tmp_path / "out" / name).size == Image.open(photos / name).size
    again = python("src.colorize", *words, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: 4 of 5 results are there already, such as ")
    skipped = python("src.colorize", *words, "existing=skip", cwd=tmp_path)
    assert "4 are coloured already and passed over" in skipped.stdout
    assert "failed: 1" in skipped.stderr


def test_folder_is_left_only_where_something_was_coloured_or_it_was_there(
    checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cut.jpg").write_bytes(b"cut")
    for was_there in (False, True):
        if was_there:
            (tmp_path / "out").mkdir()
        album = colorize_album(
            str(tmp_path / "photos"), str(tmp_path / "out"), model=str(checkpoint)
        )
        assert len(album.failed) == 1
        assert (tmp_path / "out").exists() is was_there
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize(
    "more",
    [
        ["side_by_side=true"],
        ["saturation=0"],
        ["format=jpeg", "quality=10"],
        ["size=40", "tiles=true"],
        ["flip_average=true"],
        ["workers=1"],
        ["accelerator=cpu", "precision=32-true"],
    ],
    ids=lambda more: more[0],
)
def test_every_setting_does_what_it_says(
    photos: Path, checkpoint: Path, tmp_path: Path, more: list[str]
) -> None:
    common = [f"input={photos}", f"model={checkpoint}", "precision=32-true"]
    colorize_album(**settings(*common, f"output={tmp_path}/plain"))
    assert colorize_album(**settings(*common, f"output={tmp_path}/out", *more)).colored == 4
    plain = np.asarray(Image.open(tmp_path / "plain" / "b.png")).astype(int)
    suffix = "jpg" if more[0] == "format=jpeg" else "png"
    found = np.asarray(Image.open(tmp_path / "out" / f"b.{suffix}")).astype(int)
    gray = np.dstack([np.asarray(Image.open(photos / "b.png"))] * 3)
    if more[0] == "side_by_side=true":
        assert (found == np.hstack([gray, plain])).all()
    elif more[0] == "saturation=0":
        assert np.abs(found - gray).max() <= 1
    elif more[0] in ("workers=1", "accelerator=cpu"):
        assert (found == plain).all()
    else:
        assert found.shape == plain.shape
        assert 0 < np.abs(found - plain).mean() < 60


def test_results_written_over_are_the_new_ones(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    words = [f"input={photos}", f"output={tmp_path}/out", f"model={checkpoint}"]
    colorize_album(**settings(*words))
    before = (tmp_path / "out" / "a.png").read_bytes()
    with pytest.raises(InputError, match="4 of 4 results are there already"):
        colorize_album(**settings(*words))
    colorize_album(**settings(*words, "saturation=0.5", "existing=overwrite"))
    assert (tmp_path / "out" / "a.png").read_bytes() != before


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 2000)])
def test_tiny_and_thin_pictures_are_coloured(
    tmp_path: Path, checkpoint: Path, shape: tuple[int, int]
) -> None:
    Image.fromarray(np.full(shape, 120, np.uint8)).save(tmp_path / "in.png")
    words = [f"input={tmp_path}/in.png", f"output={tmp_path}/out.png", f"model={checkpoint}"]
    assert colorize_album(**settings(*words)).colored == 1
    found = np.asarray(Image.open(tmp_path / "out.png"))
    assert found.shape == (*shape, 3)


def test_killed_command_leaves_whole_files_and_goes_on(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for index in range(12):
        noise = RANDOM.integers(0, 256, (900, 1200), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{index:02d}.png", compress_level=1)
    words = ["src.colorize", "input=photos", "output=out", f"model={checkpoint}", "workers=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([sys.executable, "-m", *words], cwd=tmp_path, env=environment)
    patience = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("*.png"))) < 3 and time.monotonic() < patience:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    made = sorted((tmp_path / "out").glob("*.png"))
    assert 3 <= len(made) < 12
    for path in made:
        assert read_picture(path, 10**9).lightness.shape == (900, 1200), "whole"
    times = {path.name: path.stat().st_mtime_ns for path in made}
    done = python(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"coloured: {12 - len(made)}" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 12, "neither journal nor leftovers"
    for name, moment in times.items():
        assert (tmp_path / "out" / name).stat().st_mtime_ns == moment


@pytest.mark.slow
def test_interrupted_command_ends_at_once_and_goes_on(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for index in range(12):
        smooth(900, 1200, index).save(tmp_path / "photos" / f"{index:02d}.png", compress_level=1)
    words = ["src.colorize", "input=photos", "output=out", f"model={checkpoint}", "workers=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *words]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, preexec_fn=take_interrupts)
    patience = time.monotonic() + 120
    while not (tmp_path / "out" / "00.png").exists() and time.monotonic() < patience:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert json.loads((tmp_path / "out" / JOURNAL).read_text())["input"] == "photos"
    assert python(*words, cwd=tmp_path).returncode == 0
    assert len(list((tmp_path / "out").iterdir())) == 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["input=none"], "no file, folder or pattern none"),
        (
            ["model=nobody"],
            "no model nobody: give the path of a checkpoint, bundle or ONNX file, or the name of",
        ),
        (["temperature=0"], "temperature is 0.0; it must be at least 0.001"),
        (["temperature=1"], "temperature is of colour bins, which this model does not predict"),
        (["quality=0"], "quality is 0; it must be at least 1"),
        (["saturation=-1"], "saturation is -1.0; it must be at least 0"),
        (["existing=maybe"], "Invalid value for '--existing': .*refuse.*skip.*overwrite"),
        (["format=gif"], "Invalid value for '--format': .*jpeg.*tiff"),
        (["size=2"], "size is 2; it must be at least 16"),
        (["workers=0"], "workers is 0; it must be at least 1"),
        (["max_pixels=0"], "max_pixels is 0; it must be at least 1"),
        (["accelerator=tpu"], "Invalid value for '--device': .*cpu.*gpu"),
        (["precision=8"], "Invalid value for '--precision': .*bf16-mixed"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_settings_are_named(
    photos: Path, checkpoint: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    common = [f"input={photos}", f"output={tmp_path}/out", f"model={checkpoint}"]
    kept = [word for word in common if not word.startswith(words[0].partition("=")[0] + "=")]
    with pytest.raises(InputError, match=message):
        colorize_album(**settings(*kept, *words))
    assert not (tmp_path / "out").exists()


def test_too_many_pixels_is_a_photograph_that_fails(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    words = [f"input={photos}", f"output={tmp_path}/out", f"model={checkpoint}", "max_pixels=4000"]
    done = colorize_album(**settings(*words))
    assert done.colored == 2
    assert set(done.failed.values()) == {"90 x 60 px is over max_pixels=4000"}


@pytest.mark.parametrize("name", ["2020_01", "my photo's", "a=b,c", "${x}", "end\\"])
def test_names_are_taken_as_they_are_typed(checkpoint: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    smooth(20, 20).save(tmp_path / name / "a[1].png")
    words = [f"input={name}/a[1].png", f"output={name}/out.png", f"model={checkpoint}"]
    done = python("src.colorize", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "out.png").is_file()


def test_prediction_that_fails_is_a_failure_of_its_photographs(
    photos: Path, tmp_path: Path
) -> None:
    class Short:
        about = {"size": 16}  # noqa: RUF012
        batch = 8

        def predict(self, L: np.ndarray, saturation: float = 1) -> np.ndarray:
            if L.shape[3] > L.shape[2]:
                raise RuntimeError("out of memory\nwith details")
            return np.zeros((len(L), 2, *L.shape[2:]), np.float32)

    works = plan_album(str(photos), str(tmp_path / "out"), None).tasks
    stream = PhotoStream(PhotoColorizer(Short()), WritingOptions(90, False, 10**9), workers=1)
    outcomes = list(stream.run(works))
    assert {outcome.task for outcome in outcomes} == set(works)
    assert {outcome.error for outcome in outcomes} <= {"", "out of memory"}
    assert any(outcome.error for outcome in outcomes)
