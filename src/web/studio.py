"""What the page does, without the page: a visitor's photograph, its hints, its colours."""

import base64
import shlex
import threading
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from src.errors import InputError
from src.imaging.hints import Hint, Hints, check_fits, parsed_hint, write_hints
from src.imaging.painting import FULL, Floats, Lightness, paint
from src.imaging.palette import palette, shown
from src.imaging.pictures import Picture, UnreadableError
from src.imaging.reading import read_picture
from src.imaging.writing import write_picture
from src.models.torch_model import TorchModel
from src.photo_colorizer import PhotoColorizer

PREVIEW = 1024  # px, the longer side of what is shown
SUGGESTED = 3  # places at a time
UNSURE = 40.0  # CIE units, from which on the overlay is as strong as it gets
OVERLAY = (255, 96, 0)
WAITING = "#ffffff"


class Options(NamedTuple):
    """What is set beside the photograph; ``size`` of spots is % of its shorter side."""

    model: str
    saturation: float = 1
    temperature: float = 1
    size: float = 4


@dataclass
class Session:
    """One visitor's photograph: hints that have a colour, one that waits for it, suggestions."""

    name: str
    picture: Picture
    hints: list[Hint] = field(default_factory=list)
    waiting: Hint | None = None
    suggested: list[tuple[float, float]] = field(default_factory=list)
    pictures: tuple[Any, dict[str, str]] = (None, {})  # as last shown, and of what

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        height, width = self.picture.lightness.shape
        return width, height

    @property
    def given(self) -> Hints | None:
        return Hints(*self.size, tuple(self.hints)) if self.hints else None

    def point(self, points: Any, size: float) -> "Session":
        """Have a spot or stroke wait for its colour; ``size`` is % of the shorter side.

        Raises:
            InputError: if it is none, or outside the photograph.
        """
        side = max(1.0, round(size / 100 * min(self.size), 1))
        found = {"color": WAITING, "size": side, "points": points}
        self.waiting = parsed_hint(len(self.hints) + 1, found, *self.size)
        return self

    def choose(self, color: str) -> "Session":
        """Give the hint that waits its colour, or the last one another."""
        if self.waiting is None and not self.hints:
            raise InputError("click a place in the photograph first, then choose its colour")
        hint = self.waiting or self.hints.pop()
        self.waiting = None
        found = hint._asdict() | {"color": color}
        self.hints.append(parsed_hint(len(self.hints) + 1, found, *self.size))
        self.suggested = self.suggested[1:] if self.suggested[:1] == [hint.points[0]] else []
        return self

    def take(self, hints: Hints) -> "Session":
        """Take hints out of a file instead of those that there are.

        Raises:
            InputError: if they are for a photograph of another size.
        """
        check_fits(hints, self.picture.lightness.shape)
        self.clear().hints = list(hints.hints)
        return self

    def undo(self) -> "Session":
        """Take back the hint that waits, or else the last one."""
        if self.waiting is None and self.hints:
            self.hints.pop()
        self.waiting = None
        return self

    def clear(self) -> "Session":
        """Take back everything."""
        self.hints, self.waiting, self.suggested = [], None, []
        return self

    def command(self, options: Options) -> str:
        """What does the same from a command line, with the files that the page hands out."""
        stem = Path(self.name).stem
        words = [f"input={self.name}", f"output={stem}_colored.png", f"model={options.model}"]
        if self.hints:
            words.append(f"hints={stem}_hints.json")
        if options.saturation != 1:
            words.append(f"saturation={options.saturation:g}")
        if options.temperature != 1:
            words.append(f"temperature={options.temperature:g}")
        return shlex.join(["python", "-m", "src.colorize", *words])


class Studio:
    """Colours the photographs of all visitors, one at a time.

    Args:
        size: px, the shorter side of what models see; None is their own.
        device, precision: see :meth:`PhotoColorizer.load`.
        max_pixels: a larger photograph is refused.
    """

    def __init__(self, size: int | None, device: str, precision: str, max_pixels: int) -> None:
        self.settings: dict[str, Any] = {"size": size, "device": device, "precision": precision}
        self.max_pixels = max_pixels
        self.colorizers: dict[str, PhotoColorizer] = {}
        self.lock = threading.Lock()

    def open(self, path: Path, name: str) -> Session:
        """Read a visitor's photograph.

        Raises:
            InputError: if it cannot be used.
        """
        try:
            return Session(name, read_picture(path, self.max_pixels))
        except (UnreadableError, OSError, MemoryError) as error:
            raise InputError(f"{name} cannot be coloured: {error}") from error

    def colorizer(self, options: Options) -> tuple[PhotoColorizer, TorchModel]:
        """The model that is chosen, set as the options say; call it with the lock held."""
        if options.model not in self.colorizers:
            self.colorizers[options.model] = PhotoColorizer.load(options.model, **self.settings)
        colorizer = self.colorizers[options.model]
        if not isinstance(colorizer.model, TorchModel):
            raise InputError(f"{options.model} is an ONNX file; choose a checkpoint or bundle")
        if colorizer.model.has_temperature:
            colorizer.model.predictor.decode_otherwise(temperature=options.temperature)
        colorizer.saturation = options.saturation
        return colorizer, colorizer.model

    def view(self, session: Session, options: Options) -> dict[str, Any]:
        """What the canvas shows."""
        shown_of = (options._replace(size=0), session.given)
        if session.pictures[0] != shown_of:
            session.pictures = shown_of, self.pictures(session, options)
        width, height = session.size
        return {
            "width": width,
            "height": height,
            **session.pictures[1],
            "hints": [hint._asdict() for hint in session.hints],
            "waiting": session.waiting._asdict() if session.waiting else None,
            "brush": options.size / 100 * min(session.size),
            "suggested": session.suggested,
        }

    def pictures(self, session: Session, options: Options) -> dict[str, str]:
        """A photograph gray, coloured, and how unsure that is, as data URLs."""
        with self.lock:
            colorizer, model = self.colorizer(options)
            seen = colorizer.seen(session.picture.lightness, session.given)
            ab, unsure = model.predict_unsure(seen)
        small = preview(session.picture.lightness)
        return {
            "gray": as_url(paint(small, np.zeros_like(ab[0]))),
            "color": as_url(paint(small, ab[0], options.saturation)),
            "unsure": overlay(unsure[0, 0]),
        }

    def colors(self, session: Session, options: Options) -> dict[str, Any]:
        """Colours for the hint that waits: those that the model finds likely, and all there are."""
        if session.waiting is None:
            return {"likely": [], "all": []}
        lightness = session.picture.lightness
        x, y = session.waiting.points[0]
        row, column = place_in(lightness.shape, session, x, y)
        L = 100 / FULL * float(lightness[row, column])
        with self.lock:
            colorizer, model = self.colorizer(options)
            seen = colorizer.seen(lightness, session.given)
            row, column = place_in(seen.shape[2:], session, x, y)
            likely = shown(L, model.likely(seen, row, column))
        return {"likely": list(dict.fromkeys(likely)), "all": palette(L)}

    def suggest(self, session: Session, options: Options) -> Session:
        """Mark where a hint would help most; the first waits for its colour."""
        with self.lock:
            colorizer, model = self.colorizer(options)
            seen = colorizer.seen(session.picture.lightness, session.given)
            places = model.suggest(seen, SUGGESTED)
        (width, height), (rows, columns) = session.size, seen.shape[2:]
        session.suggested = [
            (
                round((column + 0.5) * width / columns - 0.5, 1),
                round((row + 0.5) * height / rows - 0.5, 1),
            )
            for row, column in places
        ]
        return session.point(session.suggested[:1], options.size)

    def save(self, session: Session, options: Options, folder: Path) -> Path:
        """Write the coloured photograph in its full size, as PNG."""
        path = folder / f"{Path(session.name).stem}_colored.png"
        picture = session.picture
        with self.lock:
            colorizer, _ = self.colorizer(options)
            (ab,) = colorizer.predict([picture.lightness], session.given)
            rgb = colorizer.paint(picture, ab, picture.bits)
        write_picture(rgb, picture, path, quality=100)
        return path

    def save_hints(self, session: Session, options: Options, folder: Path) -> Path:
        """Write the file of hints with which ``python -m src.colorize`` does the same."""
        path = folder / f"{Path(session.name).stem}_hints.json"
        write_hints(Hints(*session.size, tuple(session.hints)), path)
        return path


def place_in(shape: tuple[int, ...], session: Session, x: float, y: float) -> tuple[int, int]:
    """Row and column of a point of the photograph in a picture of it of another size."""
    (width, height), (rows, columns) = session.size, shape
    row, column = (y + 0.5) * rows / height, (x + 0.5) * columns / width
    return min(rows - 1, int(row)), min(columns - 1, int(column))


def preview(lightness: Lightness) -> Lightness:
    """Lightness at the size that is shown."""
    height, width = lightness.shape
    scale = min(1, PREVIEW / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(lightness).resize(size, Image.Resampling.BOX))


def overlay(unsure: Floats) -> str:
    """How unsure a model is (h,w), as a picture to lay over the photograph."""
    alpha = (unsure / UNSURE).clip(0, 1) * 150
    planes = [np.full(unsure.shape, value, np.uint8) for value in OVERLAY]
    return as_url(np.dstack([*planes, alpha.astype(np.uint8)]))


def as_url(pixels: Any) -> str:
    """uint8 pixels (H,W,3) or (H,W,4) as a data URL."""
    buffer = BytesIO()
    form = "JPEG" if pixels.shape[2] == 3 else "PNG"
    Image.fromarray(pixels).save(buffer, form, quality=90)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{form.lower()};base64,{data}"
