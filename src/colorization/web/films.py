"""Colour the films of the page's visitors: a preview, the key frames, the whole; one at a time."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from colorization.errors import InputError
from colorization.hints.file import Hints, write_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.video.film import read_look
from colorization.video.run import colorize_film
from colorization.web.visits import MB, MOST, Shelf

PREVIEW = 3  # s of the beginning
KEY_FRAMES = "key-frames"
SLACK = 100 * MB  # bytes that a film may take on disk, beside GROWTH times its own
GROWTH = 4
TICK = 0.5  # s between two looks at how far it is
NO_FILM = "choose a film first"
GONE = "the film was put away to make room for others; choose it again"

Tell = Callable[[int, int | None, str], None]
"""Shows how many frames of how many are done of what; may raise to stop."""


class VisitorsFilm(NamedTuple):
    """A film as it was uploaded, and the folder of all that is made of it."""

    source: Path
    folder: Path

    @property
    def key_frames(self) -> list[Path]:
        """Pictures of the shots that were coloured, by number."""
        return sorted((self.folder / KEY_FRAMES).glob("shot-*.png"))

    def key_frame(self, shot: Any) -> Path:
        """Return the picture of a shot, counted from 1.

        Raises:
            InputError: if there is none.
        """
        number = int(shot) if isinstance(shot, int | float) and abs(shot) < 1e6 else 0
        path = self.folder / KEY_FRAMES / f"shot-{number:04d}.png"
        if not path.exists():
            raise InputError(f"there is no key frame {str(shot)[:20]} yet; colour a preview first")
        return path


class Films:
    """The films of all visits, by the page's name of the visit.

    Args:
        settings: how models are loaded, as the studio's.
        shelf: where files lie.
        max_pixels: of a frame; larger films are refused.
    """

    def __init__(self, settings: dict[str, Any], shelf: Shelf, max_pixels: int) -> None:
        self.settings, self.shelf, self.max_pixels = settings, shelf, max_pixels
        self.films: OrderedDict[str, VisitorsFilm] = OrderedDict()
        self.colorizers: dict[str, PhotoColorizer] = {}
        self.lock = threading.Lock()

    def open(self, visit: str, path: Path) -> str:
        """Take an uploaded film; say what it is.

        Raises:
            InputError: if it is no film, or too large.
        """
        try:
            look = read_look(path)
        except InputError as error:
            raise InputError(str(error).replace(str(path), path.name)) from error
        if look.width * look.height > self.max_pixels:
            raise InputError(
                f"{path.name} has {look.width} x {look.height} px; {self.max_pixels} are the most"
            )
        self.films[visit] = VisitorsFilm(path, Path(mkdtemp(dir=self.shelf.folder)))
        self.films.move_to_end(visit)
        while len(self.films) > MOST:
            self.films.popitem(last=False)
        return f"{path.name}: {look.width} x {look.height} px"

    def find(self, visit: str) -> VisitorsFilm:
        """Return a visitor's film.

        Raises:
            InputError: if there is none, or it was put away.
        """
        film = self.films.get(visit)
        if film is None:
            raise InputError(NO_FILM)
        if not film.source.exists():
            raise InputError(GONE)
        return film

    def colorize(
        self, film: VisitorsFilm, model: str, saturation: float, seconds: float | None, tell: Tell
    ) -> Path:
        """Colour a film, or only so many seconds of it; return the path of the coloured one.

        Raises:
            InputError: if it cannot be coloured, or takes too much room.
        """
        name = "preview.mp4" if seconds else f"{film.source.stem}_colored.mp4"
        folder = film.folder / ("preview" if seconds else "whole")
        most = GROWTH * film.source.stat().st_size + SLACK

        def progress(items: Iterator[Any], what: str, total: int | None) -> Iterator[Any]:
            last = 0.0
            for number, item in enumerate(items, 1):
                yield item
                if time.monotonic() > last + TICK:
                    last = time.monotonic()
                    tell(number, total, what)
                    if measure_size(film.folder) > most:
                        raise InputError(f"this film takes more than {most // MB} MB on the disk")

        with self.lock, self.shelf.room(most):
            os.utime(film.source)  # the newest files stay longest
            colorizer = self.colorizer(model)
            colorizer.saturation = saturation
            folder.mkdir(parents=True, exist_ok=True)
            colorize_film(
                str(film.source),
                str(folder / name),
                model=model,
                saturation=saturation,
                keyframes=str(film.folder / KEY_FRAMES),
                seconds=seconds,
                overwrite=True,
                progress=progress,
                colorizer=colorizer,
            )
        return folder / name

    def colorizer(self, model: str) -> PhotoColorizer:
        """Return a model that only films use, loaded once."""
        if model not in self.colorizers:
            how = {name: value for name, value in self.settings.items() if value is not None}
            self.colorizers[model] = PhotoColorizer.load(model, **how)
        return self.colorizers[model]


def correct(film: VisitorsFilm, shot: Any, hints: Hints) -> None:
    """Keep hints for a shot; the next call colours it anew."""
    write_hints(hints, film.key_frame(shot).with_suffix(".json"))


def measure_size(folder: Path) -> int:
    """Return the bytes of all files below a folder, some of which may go meanwhile."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return sum(sizes)
