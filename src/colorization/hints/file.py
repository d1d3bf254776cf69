"""Hints for one photograph: colours at points and along strokes, kept in a JSON file.

Drawn for a model they are (3,h,w): a and b in CIE units, 0 where there is no hint, and a mask.
"""

import json
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.files.painting import Floats
from colorization.files.pictures import LONGEST_SIDE

Doubles = NDArray[np.float64]
Whole = NDArray[np.int64]
VERSION = 1
MOST = 1000  # hints of a photograph
MOST_POINTS = 5000  # of all strokes together
LARGEST = 10**6  # bytes of a file: more than so many hints need
COLOR = re.compile("#[0-9a-f]{6}")
FORMAT = (
    '{"version": 1, "width": 640, "height": 480, "hints": '
    '[{"color": "#c83232", "size": 9, "points": [[120, 80]]}]}'
)


class Hint(NamedTuple):
    """A colour, as #rrggbb of sRGB, at a point or along a stroke of several.

    ``points`` are column and row in pixels of the photograph, 0 the middle of the first; ``size``
    is the side in px of the square that is drawn around each.
    """

    color: str
    size: float
    points: tuple[tuple[float, float], ...]


class Hints(NamedTuple):
    """Hints for a photograph of ``width`` x ``height`` px, upright; later ones lie on earlier."""

    width: int
    height: int
    hints: tuple[Hint, ...]


def read_hints(path: Path, name: str | None = None) -> Hints:
    """Read a file of hints, which is called by its path, or by another name, if it cannot be used.

    Raises:
        InputError: naming what in it is wrong.
    """
    name = name or str(path)
    if path.is_file() and path.stat().st_size > LARGEST:
        raise InputError(f"{name} has more than {LARGEST:,} bytes, the most of a file of hints")
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{name} is not a readable file of hints: {FORMAT}") from error
    try:
        return parsed_hints(found)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def write_hints(hints: Hints, path: Path) -> None:
    """Write a file of hints, whole or not at all."""
    each = (json.dumps(hint._asdict()) for hint in hints.hints)
    about = {"version": VERSION, "width": hints.width, "height": hints.height}
    head = json.dumps(about)[:-1]
    write_text(head + ', "hints": [\n ' + ",\n ".join(each) + "\n]}\n", path)


def parsed_hints(found: Any) -> Hints:
    """Hints out of what JSON holds.

    Raises:
        InputError: for what is no hint, or lies outside the picture.
    """
    try:
        version, width, height = found["version"], found["width"], found["height"]
        given = found["hints"]
    except (KeyError, TypeError) as error:
        raise InputError(f"these are no hints: {FORMAT}") from error
    if version != VERSION:
        raise InputError(f"hints of version {shortened(version)}, not {VERSION}")
    if type(version) is not int or not isinstance(given, list):
        raise InputError(f"these are no hints: {FORMAT}")
    for side in (width, height):
        if not (type(side) is int and 1 <= side <= LONGEST_SIDE):
            raise InputError(
                f"a picture of {shortened(width)} x {shortened(height)} px; both must be whole "
                f"numbers above 0, and at most {LONGEST_SIDE:,}"
            )
    if len(given) > MOST:  # before each is read
        raise InputError(f"{len(given)} hints; {MOST} are the most")
    hints = [parsed_hint(number, hint, width, height) for number, hint in enumerate(given, start=1)]
    check_amount(hints)
    return Hints(width, height, tuple(hints))


def check_amount(hints: Sequence[Hint]) -> None:
    """Raise InputError for more hints or points than a photograph may have."""
    if len(hints) > MOST:
        raise InputError(f"{len(hints)} hints; {MOST} are the most")
    count = sum(len(hint.points) for hint in hints)
    if count > MOST_POINTS:
        raise InputError(f"{count} points; {MOST_POINTS} are the most")


def parsed_hint(number: int, found: Any, width: int, height: int) -> Hint:
    try:
        color, size = str(found["color"]).lower(), number_in(found["size"])
        points = tuple((number_in(x), number_in(y)) for x, y in found["points"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"hint {number} is none: {FORMAT}") from error
    if not COLOR.fullmatch(color):
        raise InputError(f"hint {number} has the color {shortened(color)}; it must be #rrggbb")
    if not 1 <= size <= max(width, height):
        raise InputError(f"hint {number} has the size {size:g}; it must be 1 to the picture's side")
    if not points:
        raise InputError(f"hint {number} has no points")
    for x, y in points:
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise InputError(
                f"hint {number} has the point ({x:g}, {y:g}), outside the picture of "
                f"{width} x {height} px"
            )
    return Hint(color, size, points)


def shortened(value: Any) -> str:
    """What a file gives, in the few characters that a message has room for."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def number_in(value: Any) -> float:
    """A number of JSON; TypeError for anything else, that could be taken for one too."""
    if type(value) not in (int, float):
        raise TypeError(f"{value} is no number")
    return float(value)


def draw_hints(hints: Hints, shape: tuple[int, ...]) -> Floats:
    """Hints (3,h,w) at the size that a network sees.

    A hint is never less than a pixel there: the one that its point lies in.
    """
    height, width = shape
    across, down = width / hints.width, height / hints.height
    drawn = np.zeros((3, height, width), np.float32)
    for hint in hints.hints:
        values = np.array([*ab_of(hint.color), 1], np.float32)[:, None, None]
        x, y = middles(hint, across, down)
        left, right = covered(x, hint.size * across, width)
        top, bottom = covered(y, hint.size * down, height)
        alike = np.ravel_multi_index(
            (top, bottom, left, right), (height, height + 1, width, width + 1)
        )
        _, first = np.unique(alike, return_index=True)  # strokes cover the same pixels again
        for index in first:
            rows, columns = slice(top[index], bottom[index]), slice(left[index], right[index])
            drawn[:, rows, columns] = values
    return drawn


def covered(middle: Doubles, side: float, length: int) -> tuple[Whole, Whole]:
    """First pixels, of ``length``, whose own middles lie in intervals, and those after the last.

    There is one at the least.
    """
    nearest = np.minimum(middle.astype(np.int64), length - 1)
    first, last = (np.rint(middle + half).astype(np.int64) for half in (-side / 2, side / 2))
    return np.minimum(first, nearest).clip(0), np.maximum(last, nearest + 1).clip(None, length)


def middles(hint: Hint, across: float, down: float) -> tuple[Doubles, Doubles]:
    """x and y of the squares that make a hint, at another size: close enough to leave no gap."""
    points = (np.array(hint.points, np.float64) + 0.5) * (across, down)
    apart = max(0.5, hint.size * min(across, down) / 2)
    parts = [points[:1]]
    for start, end in pairwise(points):
        steps = max(1, math.ceil(np.abs(end - start).max() / apart))
        step = np.arange(1, steps + 1)[:, None]
        parts.append(start + (end - start) * step / steps)
    x, y = np.concatenate(parts).T
    return x, y


def ab_of(color: str) -> tuple[float, float]:
    """a and b of #rrggbb, CIE units."""
    from skimage.color import rgb2lab  # SciPy, where needed

    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)
    _, a, b = rgb2lab(rgb / 255)
    return float(a), float(b)


def check_fits(hints: Hints, shape: Sequence[int]) -> None:
    """Raise InputError unless hints are for a photograph of this height and width."""
    height, width = shape
    if (hints.width, hints.height) != (width, height):
        raise InputError(
            f"the hints are for a picture of {hints.width} x {hints.height} px, this one has "
            f"{width} x {height}"
        )
