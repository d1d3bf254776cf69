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
from colorization.files.painting import Floats, lab_of, quantized, with_less_chroma
from colorization.files.pictures import LONGEST_SIDE

Doubles = NDArray[np.float64]
Whole = NDArray[np.int64]
VERSION = 1
MOST = 1000  # hints of a photograph
MOST_POINTS = 5000  # of all strokes together
LARGEST = 10**6  # bytes of a file: more than so many hints need
HUES = 12
SHARES = (1.0, 0.66, 0.33)  # of the strongest of a hue
BEYOND = 140.0  # CIE units of chroma, which sRGB has nowhere
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
    """Read a file of hints.

    Args:
        name: of the file in messages; None is its path.

    Raises:
        InputError: naming the file and the part of it that is wrong.
    """
    name = name or str(path)
    if not path.exists():
        raise InputError(f"there is no file {name}; a file of hints is {FORMAT}")
    if path.is_file() and path.stat().st_size > LARGEST:
        raise InputError(f"{name} has more than {LARGEST:,} bytes, the most of a file of hints")
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{name} is not a readable file of hints: {FORMAT}") from error
    try:
        return parse_hints(found)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def write_hints(hints: Hints, path: Path) -> None:
    """Write a file of hints, whole or not at all."""
    each = (json.dumps(hint._asdict()) for hint in hints.hints)
    about = {"version": VERSION, "width": hints.width, "height": hints.height}
    head = json.dumps(about)[:-1]
    write_text(head + ', "hints": [\n ' + ",\n ".join(each) + "\n]}\n", path)


def parse_hints(found: Any) -> Hints:
    """Check the JSON of a file of hints and return the hints.

    Raises:
        InputError: for a part that is missing, malformed or outside the picture.
    """
    try:
        version, width, height = found["version"], found["width"], found["height"]
        given = found["hints"]
    except (KeyError, TypeError) as error:
        raise InputError(f"this is not a file of hints; it must look like {FORMAT}") from error
    if version != VERSION:
        raise InputError(f"the hints have version {shorten(version)}; it must be {VERSION}")
    if type(version) is not int or not isinstance(given, list):
        raise InputError(f"this is not a file of hints; it must look like {FORMAT}")
    for side in (width, height):
        if not (type(side) is int and 1 <= side <= LONGEST_SIDE):
            raise InputError(
                f"a picture of {shorten(width)} x {shorten(height)} px; both must be whole "
                f"numbers above 0, and at most {LONGEST_SIDE:,}"
            )
    if len(given) > MOST:  # before each is read
        raise InputError(f"{len(given)} hints; {MOST} are the most")
    hints = [parse_hint(number, hint, width, height) for number, hint in enumerate(given, start=1)]
    check_amount(hints)
    return Hints(width, height, tuple(hints))


def check_amount(hints: Sequence[Hint]) -> None:
    """Raise InputError for more hints or points than a photograph may have."""
    if len(hints) > MOST:
        raise InputError(f"{len(hints)} hints; {MOST} are the most")
    count = sum(len(hint.points) for hint in hints)
    if count > MOST_POINTS:
        raise InputError(f"{count} points; {MOST_POINTS} are the most")


def parse_hint(number: int, found: Any, width: int, height: int) -> Hint:
    try:
        color, size = str(found["color"]).lower(), read_number(found["size"])
        points = tuple((read_number(x), read_number(y)) for x, y in found["points"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"hint {number} lacks a usable color, size or points: {FORMAT}") from error
    if not COLOR.fullmatch(color):
        raise InputError(f"hint {number} has the color {shorten(color)}; it must be #rrggbb")
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


def shorten(value: Any) -> str:
    """Shorten a value of a file to 40 characters for a message."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_number(value: Any) -> float:
    """Return a number of JSON as float; raise TypeError for anything else, also true and \"1\"."""
    if type(value) not in (int, float):
        raise TypeError(f"{value} is no number")
    return float(value)


def draw_hints(hints: Hints, shape: tuple[int, ...]) -> Floats:
    """Draw hints as (3,h,w) at the size that the network sees.

    Each hint covers at least the pixel that its point lies in.
    """
    height, width = shape
    across, down = width / hints.width, height / hints.height
    drawn = np.zeros((3, height, width), np.float32)
    for hint in hints.hints:
        values = np.array([*color_to_ab(hint.color), 1], np.float32)[:, None, None]
        x, y = square_centers(hint, across, down)
        left, right = covered_pixels(x, hint.size * across, width)
        top, bottom = covered_pixels(y, hint.size * down, height)
        alike = np.ravel_multi_index(
            (top, bottom, left, right), (height, height + 1, width, width + 1)
        )
        _, first = np.unique(alike, return_index=True)  # strokes cover the same pixels again
        for index in first:
            rows, columns = slice(top[index], bottom[index]), slice(left[index], right[index])
            drawn[:, rows, columns] = values
    return drawn


def covered_pixels(middle: Doubles, side: float, length: int) -> tuple[Whole, Whole]:
    """Return the first pixel of each interval and the one after its last, of ``length`` pixels.

    A pixel belongs to an interval if its centre does; each has at least one.
    """
    nearest = np.minimum(middle.astype(np.int64), length - 1)
    first, last = (np.rint(middle + half).astype(np.int64) for half in (-side / 2, side / 2))
    return np.minimum(first, nearest).clip(0), np.maximum(last, nearest + 1).clip(None, length)


def square_centers(hint: Hint, across: float, down: float) -> tuple[Doubles, Doubles]:
    """Return x and y of the squares that draw a hint without gaps, at another size."""
    points = (np.array(hint.points, np.float64) + 0.5) * (across, down)
    apart = max(0.5, hint.size * min(across, down) / 2)
    parts = [points[:1]]
    for start, end in pairwise(points):
        steps = max(1, math.ceil(np.abs(end - start).max() / apart))
        step = np.arange(1, steps + 1)[:, None]
        parts.append(start + (end - start) * step / steps)
    x, y = np.concatenate(parts).T
    return x, y


def color_to_ab(color: str) -> tuple[float, float]:
    """Convert #rrggbb to a and b, CIE units."""
    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)
    ((_, a, b),) = lab_of(rgb[None] / 255)
    return float(a), float(b)


def check_fits(hints: Hints, shape: Sequence[int]) -> None:
    """Raise InputError unless hints are for a photograph of this height and width."""
    height, width = shape
    if (hints.width, hints.height) != (width, height):
        raise InputError(
            f"the hints are for a picture of {hints.width} x {hints.height} px, this one has "
            f"{width} x {height}"
        )


def to_hex(L: float, ab: Floats) -> list[str]:
    """Convert ab (N,2) at one lightness (0..100) to #rrggbb, paler outside sRGB."""
    a, b = ab.T.astype(np.float32)
    linear = with_less_chroma(np.full(len(ab), L, np.float32), a, b)
    return ["#" + bytes(color).hex() for color in quantized(linear, 8).T]


def make_palette(L: float) -> list[str]:
    """Return #rrggbb at a lightness (0..100): 12 hues at full chroma, two paler rows, then gray."""
    angles = np.arange(HUES) * 2 * np.pi / HUES
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    strongest = np.array([color_to_ab(color) for color in to_hex(L, BEYOND * around)], np.float32)
    rows = [to_hex(L, share * strongest) for share in SHARES]
    return [color for row in rows for color in row] + to_hex(L, np.zeros((1, 2), np.float32))
