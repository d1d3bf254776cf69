"""Files of every kind that people hand in, by what ``expected.json`` says must become of them."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from skimage.color import rgb2lab

from colorization.inference.album import colorize_album
from colorization.inference.summary import AlbumResult

HERE = Path(__file__).parent
CASES = HERE / "cases"
EXPECTED = json.loads((HERE / "expected.json").read_text())
COLORED = EXPECTED["coloured"]
SAID = {  # what the notes must say, by words of expected.json
    "animated.gif": "the first of 3 pictures",
    "float255.tif": "white is taken as 255; --white says otherwise",
    "tenbit_in_16.tif": "white is taken as 1023, .* --white says otherwise",
    "twelvebit_in_16.tif": "white is taken as 4095, .* --white says otherwise",
}
REFUSED = {
    "empty.png": "an empty file",
    "page.jpg": "a web page, not a picture",
    "truncated.jpg": "premature end .*--salvage",
    "signed16.tif": "signed pixels .* without a stated white",
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """As many threads for other tests as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def mean_lightness(path: Path) -> float:
    """Mean L of a file, by other readers than ours."""
    if path.suffix == ".tif":
        rgb = tifffile.imread(path)[..., :3]
        values = rgb / np.iinfo(rgb.dtype).max
    else:
        values = np.asarray(Image.open(path).convert("RGB")) / 255
    return float(rgb2lab(values)[..., 0].mean())


def outcomes(album: AlbumResult) -> dict[str, str]:
    return {r.task.source.name: r.outcome or r.error for r in album.results}


def check_outcome(name: str, album: AlbumResult) -> None:
    (result,) = (r for r in album.results if r.task.source.name == name)
    if name in REFUSED:
        assert re.search(REFUSED[name], result.error), result.error
        assert not result.task.target.exists()
        return
    assert result.error == ""
    assert mean_lightness(result.task.target) == pytest.approx(COLORED[name]["L"], abs=1.0)
    assert (result.outcome == "toned") == ("toned" in COLORED[name].get("why", "")), name
    if name in SAID:
        assert re.search(SAID[name], " ".join(result.notes)), result.notes


def test_every_case_is_tested() -> None:
    said = {*COLORED, *EXPECTED["refused"], *EXPECTED["passed_over"]}
    assert {path.name for path in CASES.iterdir()} == said
    assert set(EXPECTED["refused"]) == set(REFUSED)


def test_a_folder_of_every_kind(checkpoint: Path, tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    album = colorize_album(
        str(CASES), str(tmp_path / "out"), model=str(checkpoint), report=str(report)
    )
    for name in outcomes(album):
        check_outcome(name, album)
    assert [path.name for path in album.passed] == ["notes.txt"]
    assert set(outcomes(album)) | {"notes.txt"} == {path.name for path in CASES.iterdir()}
    targets = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"gray.png", "link.png", "gray.gif.png", "gray.heic.jpg", "gray.avif"} < targets
    assert len(targets) == len(COLORED)
    said = json.loads(report.read_text())
    assert said["counts"]["files"] == len(list(CASES.iterdir())) == len(said["files"])
    assert sum(said["counts"].values()) == 2 * said["counts"]["files"]
    assert {Path(f["file"]).name: f["outcome"] for f in said["files"]}["sepia.png"] == "toned"


@pytest.mark.parametrize("name", sorted({*COLORED, *REFUSED}))
def test_each_case_alone(checkpoint: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "out.tif"
    check_outcome(name, colorize_album(str(CASES / name), str(target), model=str(checkpoint)))


def test_what_is_left_of_a_damaged_file_is_coloured_if_it_is_asked_for(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    whole = Image.open(CASES / "exif_orientation6.jpg").convert("L")
    for name in ("cut.jpg", "cut.png", "cut.pgm", "cut.tif"):
        whole.save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: round(0.7 * len(data))])
        target = tmp_path / "out" / f"{name}.png"
        asked = (str(tmp_path / name), str(target))
        assert colorize_album(*asked, model=str(checkpoint)).colored == 0, name
        (result,) = colorize_album(*asked, model=str(checkpoint), salvage=True).results
        assert any(note.startswith("salvaged: ") for note in result.notes), name
        assert f"{name}: salvaged: " in caplog.text
        found = rgb2lab(np.asarray(Image.open(target).convert("RGB")))[..., 0]
        expected = rgb2lab(np.dstack([np.asarray(whole)] * 3))[..., 0]
        assert np.abs(found - expected)[:60].mean() < 2, "the upper part is there"


def test_a_coloured_picture_is_handed_on_as_it_is_unless_it_is_to_be_coloured_anew(
    checkpoint: Path, tmp_path: Path
) -> None:
    own = Image.open(CASES / "colour.bmp")
    for name in ("own.png", "own.jpg", "own.webp"):
        own.save(tmp_path / name, quality=95)
        asked = (str(tmp_path / name), str(tmp_path / "out" / name))
        album = colorize_album(*asked, model=str(checkpoint))
        assert outcomes(album) == {name: "own colours"}
        assert Path(asked[1]).read_bytes() == Path(asked[0]).read_bytes()
        album = colorize_album(*asked, model=str(checkpoint), recolor=True, existing="overwrite")
        assert outcomes(album) == {name: "coloured"}
        assert Path(asked[1]).read_bytes() != Path(asked[0]).read_bytes()
    target = tmp_path / "out.png"
    colorize_album(str(CASES / "colour.bmp"), str(target), model=str(checkpoint))
    assert (np.asarray(Image.open(target)) == np.asarray(own)).all()
    deep = tmp_path / "deep.tif"
    tifffile.imwrite(deep, np.asarray(own).astype(np.uint16) * 257, photometric="rgb")
    colorize_album(str(deep), str(tmp_path / "deep_out.tif"), model=str(checkpoint))
    assert (tifffile.imread(tmp_path / "deep_out.tif") == tifffile.imread(deep)).all()


def test_a_link_that_git_stored_as_text_is_followed(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(CASES / "gray.png", tmp_path / "gray.png")
    (tmp_path / "link.png").write_text("gray.png")
    (tmp_path / "out_of_here.png").write_text("../gray.png")
    album = colorize_album(str(tmp_path), str(tmp_path / "out"), model=str(checkpoint))
    assert album.colored == 2
    assert [path.name for path in album.failed] == ["out_of_here.png"]


def test_a_faded_print_gets_its_range_back_if_it_is_asked_for(
    checkpoint: Path, tmp_path: Path
) -> None:
    gray = np.asarray(Image.open(CASES / "gray.png").convert("L")).astype(float)
    Image.fromarray((110 + gray * 0.3).astype(np.uint8)).save(tmp_path / "faded.png")
    ranges = {}
    for restore in (None, "tone"):
        target = tmp_path / f"{restore}.png"
        asked = (str(tmp_path / "faded.png"), str(target))
        colorize_album(*asked, model=str(checkpoint), restore=restore, saturation=0)
        ranges[restore] = np.asarray(Image.open(target).convert("L")).astype(float)
    faded = np.asarray(Image.open(tmp_path / "faded.png"))
    assert np.abs(ranges[None] - faded).max() <= 1, "off by default: the lightness stays"
    low, high = np.percentile(ranges["tone"], [2, 98])
    assert high - low > 2 * np.ptp(np.percentile(faded, [2, 98]))
    order = np.corrcoef(ranges["tone"].ravel(), gray.ravel())[0, 1]
    assert order > 0.9, "light stays light"
