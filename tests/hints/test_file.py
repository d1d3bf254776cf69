"""Hints in files: read, checked, drawn at the size of a network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.color import rgb2lab

from colorization.errors import InputError
from colorization.hints.file import Hint, Hints, color_to_ab, draw_hints, read_hints, write_hints

RED = "#c83232"


def drawn(
    *hints: Hint, width: int = 64, height: int = 48, shape: tuple[int, int] = (48, 64)
) -> Any:
    return draw_hints(Hints(width, height, hints), shape)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    stroke = Hint("#00ff7f", 3.5, ((0.0, 0.0), (10.25, 7.0), (639.0, 479.0)))
    hints = Hints(640, 480, (Hint(RED, 9.0, ((120.0, 80.0),)), stroke))
    write_hints(hints, tmp_path / "hints.json")
    assert read_hints(tmp_path / "hints.json") == hints
    assert json.loads((tmp_path / "hints.json").read_text())["hints"][0]["color"] == RED
    write_hints(Hints(3, 2, ()), tmp_path / "none.json")
    assert read_hints(tmp_path / "none.json") == Hints(3, 2, ())


def test_a_spot_is_drawn_in_its_own_colour() -> None:
    found = drawn(Hint(RED, 5, ((20, 10),)))
    _, a, b = rgb2lab(np.array([200, 50, 50]) / 255)
    assert color_to_ab(RED) == pytest.approx((a, b))
    assert found[:, 10, 20].tolist() == pytest.approx([a, b, 1], abs=1e-3)
    rows, columns = np.nonzero(found[2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 12, 18, 22)
    assert not found[:2, found[2] == 0].any()


@pytest.mark.parametrize("shape", [(48, 64), (24, 32), (17, 23), (96, 128)])
@pytest.mark.parametrize("point", [(0, 0), (63, 47), (31.5, 20), (-0.5, 47.5)])
def test_a_spot_arrives_at_its_place_at_any_size(
    shape: tuple[int, int], point: tuple[float, float]
) -> None:
    found = drawn(Hint(RED, 1, (point,)), shape=shape)
    rows, columns = np.nonzero(found[2])
    assert len(rows) >= 1  # never less than a pixel
    down, across = shape[0] / 48, shape[1] / 64
    near = 0.76 / min(1, down)
    assert (rows.mean() + 0.5) / down == pytest.approx(point[1] + 0.5, abs=near)
    assert (columns.mean() + 0.5) / across == pytest.approx(
        point[0] + 0.5, abs=0.76 / min(1, across)
    )


def test_a_mirrored_photograph_has_mirrored_spots() -> None:
    one = drawn(Hint(RED, 7, ((20, 10),)), shape=(24, 32))
    other = drawn(Hint(RED, 7, ((43, 10),)), shape=(24, 32))
    assert np.array_equal(one, other[..., ::-1])


def test_a_stroke_has_no_gaps_and_later_hints_lie_on_it() -> None:
    found = drawn(Hint(RED, 1, ((5, 5), (50, 40))), Hint("#0000ff", 3, ((5, 5),)))
    mask = found[2] > 0
    for row in range(6, 40):
        assert mask[row].any()
    assert found[:2, 5, 5].tolist() == pytest.approx(color_to_ab("#0000ff"), abs=1e-3)
    assert found[:2, 40, 50].tolist() == pytest.approx(color_to_ab(RED), abs=1e-3)


NOT_USABLE = "hint 1 lacks a usable color, size or points: "
WHOLE: dict[str, Any] = {
    "version": 1,
    "width": 64,
    "height": 48,
    "hints": [{"color": RED, "size": 9, "points": [[12, 8]]}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "the hints have version 2; it must be 1"),
        ({"width": 0}, "a picture of 0 x 48 px; both must be whole numbers above 0"),
        ({"width": 1.5}, "a picture of 1.5 x 48 px"),
        (
            {"width": 10**400},
            r"a picture of 10{36}\.\.\. x 48 px; both must be whole numbers above 0, and at most",
        ),
        ({"hints": 3}, "this is not a file of hints; it must look like"),
        (
            {"hints": [{**WHOLE["hints"][0], "color": "#" * 10**5}]},
            r"hint 1 has the color #{37}\.\.\.; it must be #rrggbb$",
        ),
        ({"hints": [WHOLE["hints"][0]] * 1001}, "1001 hints; 1000 are the most"),
        ({"hints": [{"color": RED, "size": 9}]}, NOT_USABLE),
        (
            {"hints": [{**WHOLE["hints"][0], "color": "red"}]},
            "hint 1 has the color red; it",
        ),
        ({"hints": [{**WHOLE["hints"][0], "size": 0.5}]}, "hint 1 has the size 0.5"),
        ({"hints": [{**WHOLE["hints"][0], "size": float("nan")}]}, "hint 1 has the size nan"),
        (
            {"hints": [{**WHOLE["hints"][0], "size": 10**400}]},
            NOT_USABLE,
        ),
        (
            {"hints": [{**WHOLE["hints"][0], "size": True}]},
            NOT_USABLE,
        ),
        (
            {"hints": [{**WHOLE["hints"][0], "points": {"12": 1}}]},
            NOT_USABLE,
        ),
        ({"hints": {}}, "this is not a file of hints; it must look like"),
        ({"version": True}, "this is not a file of hints; it must look like"),
        ({"hints": [{**WHOLE["hints"][0], "points": [[1, 1]] * 5001}]}, "5001 points; 5000 are"),
        ({"hints": [{**WHOLE["hints"][0], "points": []}]}, "hint 1 has no points"),
        (
            {"hints": [WHOLE["hints"][0], {**WHOLE["hints"][0], "points": [[70, 20]]}]},
            r"hint 2 has the point \(70, 20\), outside the picture of 64 x 48 px",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "hints.json"
    path.write_text(json.dumps(WHOLE | change))
    with pytest.raises(InputError, match=f"hints.json: {message}"):
        read_hints(path)


@pytest.mark.parametrize("text", ["", "[", "nonsense", "\xff"])
def test_what_is_no_file_of_hints_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hints.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"hints\.json is not a readable file of hints: \{"):
        read_hints(path)
    with pytest.raises(InputError, match=r"there is no file .*other\.json; a file of hints is \{"):
        read_hints(tmp_path / "other.json")
