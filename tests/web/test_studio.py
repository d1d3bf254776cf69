"""A visitor's photograph and its hints, without a page."""

import shlex
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorization.errors import InputError
from colorization.files.arrays import picture_from
from colorization.hints.file import Hint, Hints, color_to_ab
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.web.session import Session
from colorization.web.studio import PageOptions, Studio, find_place
from tests.support.command_line import python


def session() -> Session:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    gray = Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC)
    return Session("old.tif", "old.tif", picture_from(gray))


def test_a_hint_waits_for_its_colour_and_can_be_given_another() -> None:
    one = session().point([[10, 20]], 5)
    assert (one.waiting, one.given) == (Hint("#ffffff", 3.0, ((10, 20),)), None)
    one.choose("#c83232", 5)
    assert one.given == Hints(80, 60, (Hint("#c83232", 3.0, ((10, 20),)),))
    one.choose("#3264c8", 5)
    assert [hint.color for hint in one.hints] == ["#3264c8"]
    with pytest.raises(InputError, match="has the color red; it must be #rrggbb"):
        one.choose("red", 5)
    assert len(one.hints) == 1
    one.point([[1, 2], [3, 4]], 5).undo()
    assert (one.waiting, len(one.hints)) == (None, 1)
    assert one.undo().given is None
    with pytest.raises(InputError, match="click a place in the photograph first"):
        one.choose("#c83232", 5)
    with pytest.raises(InputError, match=r"hint 1 has the point \(80, 3\), outside the picture"):
        one.point([[80, 3]], 5)


def test_suggestions_wait_one_after_the_other() -> None:
    one = session()
    one.suggested = [(10.0, 10.0), (40.0, 30.0), (70.0, 50.0)]
    one.point([[41, 31]], 5)  # close to the second
    assert one.waiting
    assert one.waiting.points == ((40.0, 30.0),)
    one.choose("#c83232", 5)
    assert one.suggested == [(10.0, 10.0), (70.0, 50.0)]
    assert one.waiting.points == ((10.0, 10.0),)
    one.point([[20, 50]], 5).choose("#c83232", 5)  # of the visitor's own
    assert one.waiting is None
    assert len(one.suggested) == 2
    assert one.undo().suggested == []


def test_the_studio_colours_as_the_library_does(checkpoint: Path, tmp_path: Path) -> None:
    studio = Studio({"size": 48, "device": "auto"}, 10**6)
    options = PageOptions(str(checkpoint), saturation=0.8)
    one = studio.suggest(session(), options)
    assert len(one.suggested) == 3
    one.choose("#c83232", 5)
    found = np.asarray(Image.open(studio.save(one, options, tmp_path)))
    colorizer = PhotoColorizer.load(str(checkpoint), size=48, saturation=0.8)
    picture = one.picture
    (ab,) = colorizer.predict([picture.lightness], one.given)
    assert np.array_equal(found, colorizer.paint(picture, ab, 8))
    words = shlex.split(studio.command(one, options))
    assert words == [
        *("colorization", "colorize", "old.tif"),
        *("--output", "old_colored.png"),
        *("--model", str(checkpoint)),
        *("--hints", "old_hints.json"),
        *("--saturation", "0.8"),
        *("--size", "48"),
    ]
    assert studio.temperature(str(checkpoint)) is None
    assert studio.temperature("default") == 0.5
    colors = studio.colors(one, options)
    assert len(colors["likely"]) == 1  # of a regression
    assert len(colors["all"]) == 37


def test_likely_colours_are_as_vivid_as_the_picture(checkpoint: Path) -> None:
    studio = Studio({}, 10**6)
    one = session().point([[10, 20]], 5)
    chroma = []
    for saturation in (0, 1, 2):
        options = PageOptions(str(checkpoint), saturation)
        (likely,) = studio.colors(one, options)["likely"]
        chroma.append(float(np.hypot(*color_to_ab(likely))))
        colorizer, model = studio.colorizer(options)
        seen = colorizer.seen(one.picture.lightness)
        predicted = model.predict(seen, saturation)[0, :, *find_place(seen.shape[2:], one, 10, 20)]
        assert color_to_ab(likely) == pytest.approx(predicted, abs=0.7), "#rrggbb has steps"
    assert chroma[0] < 0.1
    assert chroma[2] > 1.5 * chroma[1]


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    studio = Studio({}, 10**6)
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"my.jpg cannot be coloured: not a picture"):
        studio.open(tmp_path / "a.jpg", "my.jpg", "my.jpg")
    with pytest.raises(InputError, match="no model nothing"):
        studio.model("nothing")


def test_a_page_that_cannot_be_served_says_why_in_a_line(tmp_path: Path) -> None:
    done = python("src.app", "model=nothing", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "error: no model nothing: give the path of a checkpoint, bundle or ONNX"
    )
    assert len(done.stderr.splitlines()) == 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = python("src.app", f"port={port}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: no page on host=127.0.0.1 port={port}: Address already")
