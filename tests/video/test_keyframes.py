"""Key frames are written, corrected by hints or a picture, and only their shots done anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from colorization.errors import InputError
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.video.keyframes import find_references
from colorization.video.run import FilmResult, colorize_film

Make = Callable[..., Path]


@pytest.fixture
def run(colorizer: PhotoColorizer) -> Callable[..., FilmResult]:
    def colored(source: Path, **settings: Any) -> FilmResult:
        target = str(source.with_name("out.mkv"))
        return colorize_film(
            str(source),
            target,
            codec="ffv1",
            overwrite=True,
            colorizer=colorizer,
            progress=lambda items, what, total: items,
            **settings,
        )

    return colored


def mean_color(path: Path, index: int) -> np.ndarray:
    with av.open(str(path)) as container:
        rgb = list(container.decode(video=0))[index].to_ndarray(format="rgb24")
    return rgb.astype(float).mean((0, 1))


def test_a_hint_and_a_picture_correct_their_shots_alone(
    make_film: Make, run: Callable[..., FilmResult], tmp_path: Path
) -> None:
    source, keys, out = make_film(frames=16, cut=8), tmp_path / "keys", tmp_path / "out.mkv"
    assert run(source, keyframes=str(keys))[1:3] == (2, 2)
    names = sorted(path.name for path in keys.glob("shot*"))
    assert names == [f"shot-000{n}.{kind}" for n in (1, 2) for kind in ("json", "png")]
    before = [mean_color(out, index) for index in (0, 5, 12)]
    assert run(source, keyframes=str(keys)).colored == 0

    hints = json.loads((keys / "shot-0001.json").read_text())
    hints["hints"] = [{"color": "#2040c0", "size": 40, "points": [[70, 15], [70, 50]]}]
    (keys / "shot-0001.json").write_text(json.dumps(hints))
    assert run(source, keyframes=str(keys)).colored == 1
    after = [mean_color(out, index) for index in (0, 5, 12)]
    for index in (0, 1):  # bluer, in the middle of the shot too
        blue, was = (color[index][2] - color[index][0] for color in (after, before))
        assert blue > was + 5
    np.testing.assert_array_equal(after[2], before[2])

    rgb = np.asarray(Image.open(keys / "shot-0002.png").convert("RGB")).astype(float)
    Image.fromarray((rgb * [0.4, 1, 0.4]).astype(np.uint8)).save(keys / "shot-0002.png")
    assert run(source, keyframes=str(keys)).colored == 1
    assert mean_color(out, 12)[1] > mean_color(out, 12)[0] + 20  # green
    assert run(source, keyframes=str(keys)).colored == 0


def test_a_key_frame_of_another_size_gets_one_line(
    make_film: Make, run: Callable[..., FilmResult], tmp_path: Path
) -> None:
    source, keys = make_film(frames=6), tmp_path / "keys"
    keys.mkdir()
    Image.new("RGB", (50, 50), "red").save(keys / "shot-0001.png")
    with pytest.raises(InputError, match=r"shot-0001.png has 50 x 50 px; the film has 96 x 64"):
        run(source, keyframes=str(keys))
    assert not (tmp_path / "out.mkv").exists()


def test_references_are_of_shots_by_number(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), "red")
    picture.save(tmp_path / "holiday.png")
    with pytest.raises(InputError, match="has the number of a shot, 1 to 3; call the photographs"):
        find_references(tmp_path, 3)
    picture.save(tmp_path / "shot-0002.png")
    assert find_references(tmp_path, 3) == [None, tmp_path / "shot-0002.png", None]
    assert find_references(tmp_path / "holiday.png", 2) == [tmp_path / "holiday.png"] * 2


def test_a_reference_guides_a_film(
    make_film: Make, run: Callable[..., FilmResult], tmp_path: Path
) -> None:
    from tests.video.conftest import render_scene

    source, out = make_film(frames=8), tmp_path / "out.mkv"
    run(source)
    before = mean_color(out, 4)
    like = render_scene(2, (96, 64)).astype(float) * [1, 0.5, 0.5]
    Image.fromarray(like.astype(np.uint8)).save(tmp_path / "like.png")
    run(source, reference=str(tmp_path / "like.png"))
    after = mean_color(out, 4)
    assert after[0] - after[1] > before[0] - before[1] + 5  # redder
