"""Colour the photographs of the page's visitors."""

import base64
import shlex
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from colorization.errors import InputError
from colorization.files.painting import FULL, Floats, Lightness, paint
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_picture
from colorization.files.writing import write_picture
from colorization.hints.file import Hints, make_palette, to_hex, write_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.models.backends import ColorModel, UnsureModel, has_pytorch
from colorization.web.session import Session

PREVIEW = 1024  # px, the longer side of what is shown
SUGGESTED = 3  # places at a time
UNSURE = 40.0  # CIE units, from which on the overlay is as strong as it gets
OVERLAY = (255, 96, 0)
OPAQUE = 150  # of 255, there


LIMITS = {"saturation": (0, 2), "temperature": (0.05, 1), "size": (1, 15)}
"""The least and the most of what is set beside the photograph."""


class PageOptions(NamedTuple):
    """The options beside the photograph; ``size`` of spots is % of its shorter side."""

    model: str
    saturation: float = 1
    temperature: float = 1
    size: float = 4

    def validate(self, models: Sequence[str]) -> "PageOptions":
        """Return itself.

        Raises:
            InputError: for a model that is not offered, or a number out of its limits.
        """
        if self.model not in models:
            raise InputError(f"there is no such model here: {str(self.model)[:80]}")
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, float) or not least <= value <= most:
                raise InputError(f"{name} is {str(value)[:80]}; it must be {least} to {most}")
        return self


class Studio:
    """Colours photographs, one at a time.

    Args:
        settings: how models are loaded; see :meth:`PhotoColorizer.load`, None is as there.
        max_pixels: a larger photograph is refused.

    ``says_unsure`` tells whether its models are :class:`UnsureModel`, as with PyTorch they are.
    """

    def __init__(self, settings: dict[str, Any], max_pixels: int) -> None:
        self.settings = {name: value for name, value in settings.items() if value is not None}
        self.max_pixels = max_pixels
        self.says_unsure = has_pytorch()
        self.colorizers: dict[str, PhotoColorizer] = {}
        self.lock = threading.Lock()

    def open(self, path: Path, name: str, source: str) -> Session:
        """Read a visitor's photograph, which is called ``source`` on a command line.

        Raises:
            InputError: if it cannot be used.
        """
        try:
            return Session(name, source, read_picture(path, self.max_pixels))
        except (UnreadableError, OSError, MemoryError) as error:
            raise InputError(f"{name} cannot be coloured: {error}") from error

    def model(self, name: str) -> tuple[PhotoColorizer, ColorModel]:
        """A model, loaded once; an :class:`UnsureModel` where PyTorch is installed.

        Raises:
            InputError: if it cannot be, or is an ONNX file there.
        """
        if name not in self.colorizers:
            self.colorizers[name] = PhotoColorizer.load(name, **self.settings)
        colorizer = self.colorizers[name]
        if self.says_unsure and not isinstance(colorizer.model, UnsureModel):
            raise InputError(f"{name} is an ONNX file; choose a checkpoint or bundle")
        return colorizer, colorizer.model

    def temperature(self, name: str) -> float | None:
        """Return a model's own temperature; None if it has none that can be set."""
        _, model = self.model(name)
        if not isinstance(model, UnsureModel):
            return None
        trained = model.about["objective"].get("temperature")
        return None if trained is None else float(trained)

    def colorizer(self, options: PageOptions) -> tuple[PhotoColorizer, ColorModel]:
        """Return the chosen model with the options applied; hold the lock when calling it."""
        colorizer, model = self.model(options.model)
        if isinstance(model, UnsureModel) and self.temperature(options.model) is not None:
            model.set_temperature(options.temperature)
        colorizer.saturation = options.saturation
        return colorizer, model

    def view(self, session: Session, options: PageOptions) -> dict[str, Any]:
        """Return the contents of the canvas."""
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
            "suggested": session.suggested,
            "brush": options.size / 100 * min(session.size),
        }

    def pictures(self, session: Session, options: PageOptions) -> dict[str, str]:
        """Return the gray and coloured photograph, and how unsure that is, as data URLs."""
        with self.lock:
            colorizer, model = self.colorizer(options)
            seen = colorizer.seen(session.picture.lightness, session.given)
            if isinstance(model, UnsureModel):
                ab, unsure = model.predict_unsure(seen, options.saturation)
                shown = {"unsure": draw_overlay(unsure[0, 0])}
            else:
                ab, shown = model.predict(seen, options.saturation), {}
        small = shrink_to_preview(session.picture.lightness)
        shown["gray"] = encode_url(paint(small, np.zeros_like(ab[0])))
        shown["color"] = encode_url(paint(small, ab[0]))
        return shown

    def colors(self, session: Session, options: PageOptions) -> dict[str, list[str]]:
        """Return colours for the current hint: likely ones by the model, and the whole palette."""
        if session.current is None:
            return {"likely": [], "all": []}
        lightness = session.picture.lightness
        place = session.current.points[0]
        L = 100 / FULL * float(lightness[find_place(lightness.shape, session, *place)])
        with self.lock:
            colorizer, model = self.colorizer(options)
            if not isinstance(model, UnsureModel):
                return {"likely": [], "all": make_palette(L)}
            seen = colorizer.seen(lightness, session.given)
            place = find_place(seen.shape[2:], session, *place)
            likely = model.likely(seen, *place, options.saturation)
        return {"likely": list(dict.fromkeys(to_hex(L, likely))), "all": make_palette(L)}

    def suggest(self, session: Session, options: PageOptions) -> Session:
        """Mark where a hint would help most; the first waits for its colour.

        Raises:
            InputError: without PyTorch.
        """
        with self.lock:
            colorizer, model = self.colorizer(options)
            if not isinstance(model, UnsureModel):
                raise InputError("suggested places need PyTorch: pip install 'colorization[train]'")
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

    def save(self, session: Session, options: PageOptions, folder: Path) -> Path:
        """Write the coloured photograph into a folder, in its full size, as PNG."""
        path = Path(folder, f"{Path(session.name).stem}_colored.png")
        picture = session.picture
        with self.lock:
            colorizer, _ = self.colorizer(options)
            (ab,) = colorizer.predict([picture.lightness], session.given)
            rgb = colorizer.paint(picture, ab, picture.bits)
        write_picture(rgb, picture, path, quality=100)
        return path

    def save_hints(self, session: Session, options: PageOptions, folder: Path) -> Path:
        """Write the file of hints with which ``colorization colorize`` does the same."""
        path = Path(folder, f"{Path(session.name).stem}_hints.json")
        write_hints(Hints(*session.size, tuple(session.hints)), path)
        return path

    def command(self, session: Session, options: PageOptions) -> str:
        """Return the command line that does the same, with the files that the page hands out."""
        stem = Path(session.name).stem
        settings: dict[str, Any] = {"output": f"{stem}_colored.png", "model": options.model}
        if session.hints:
            settings["hints"] = f"{stem}_hints.json"
        if options.saturation != 1:
            settings["saturation"] = options.saturation
        if self.temperature(options.model) not in (None, options.temperature):
            settings["temperature"] = options.temperature
        settings |= self.settings
        words = [w for n, value in settings.items() if value != "auto" for w in (f"--{n}", value)]
        return shlex.join(["colorization", "colorize", *map(str, [session.source, *words])])


def find_place(shape: tuple[int, ...], session: Session, x: float, y: float) -> tuple[int, int]:
    """Return the row and column of a photograph's point in a resized copy of it."""
    (width, height), (rows, columns) = session.size, shape
    row, column = (y + 0.5) * rows / height, (x + 0.5) * columns / width
    return min(rows - 1, int(row)), min(columns - 1, int(column))


def shrink_to_preview(lightness: Lightness) -> Lightness:
    """Reduce lightness to the size that is shown."""
    height, width = lightness.shape
    scale = min(1, PREVIEW / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(lightness).resize(size, Image.Resampling.BOX))


def draw_overlay(unsure: Floats) -> str:
    """Turn uncertainty (h,w) into a picture to lay over the photograph, as data URL."""
    alpha = (unsure / UNSURE).clip(0, 1) * OPAQUE
    planes = [np.full(unsure.shape, value, np.uint8) for value in OVERLAY]
    return encode_url(np.dstack([*planes, alpha.astype(np.uint8)]))


def encode_url(pixels: Any) -> str:
    """Encode uint8 pixels (H,W,3) or (H,W,4) as a data URL."""
    buffer = BytesIO()
    form = "JPEG" if pixels.shape[2] == 3 else "PNG"
    Image.fromarray(pixels).save(buffer, form, quality=90)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{form.lower()};base64,{data}"
