"""Key frames as pictures that a user looks at and corrects: one, with hints, for each shot."""

import re
from pathlib import Path

import numpy as np

from colorization.color import from_uint8, rgb_to_lab
from colorization.errors import InputError
from colorization.files.digest import hash_file
from colorization.files.painting import FULL, Floats, Lightness, Pixels, paint
from colorization.files.pictures import SUFFIXES, Picture, UnreadableError
from colorization.files.reading import read_rgb
from colorization.files.writing import write_picture
from colorization.hints.file import Hints, read_hints, write_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.video.carrying import resize

MOST_PIXELS = 200_000_000
NUMBER = re.compile(r"(\d+)\D*$")


class KeyFrames:
    """A folder with the picture and the hints of the first frame of each shot.

    Args:
        folder: is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"keyframes is {folder}, a file; it must be a folder")
        self.folder = folder

    def paths(self, shot: int) -> tuple[Path, Path]:
        """Return the paths of a shot's picture and hints; shots are counted from 1."""
        stem = self.folder / f"shot-{shot:04d}"
        return stem.with_suffix(".png"), stem.with_suffix(".json")

    def write(self, shot: int, lightness: Lightness, ab: Floats) -> None:
        """Write a shot's key frame, ab (h,w,2), with no hints, unless the user has changed it."""
        picture, hints = self.paths(shot)
        if self.was_changed(shot):
            return
        rgb = paint(lightness, np.ascontiguousarray(ab.transpose(2, 0, 1)))
        height, width = lightness.shape
        write_picture(rgb, Picture(lightness, None, 8, {}, False, ()), picture, 92)
        if not hints.exists():
            write_hints(Hints(width, height, ()), hints)
        self.mark(shot).parent.mkdir(exist_ok=True)
        self.mark(shot).write_text(hash_file(picture))

    def mark(self, shot: int) -> Path:
        """Return the file that says what the picture was that we wrote."""
        return self.folder / ".written" / f"{shot:04d}"

    def was_changed(self, shot: int) -> bool:
        """Tell whether a shot's picture is there and not as it was written."""
        picture, mark = self.paths(shot)[0], self.mark(shot)
        return picture.exists() and not (mark.exists() and mark.read_text() == hash_file(picture))

    def given(self, shot: int, lightness: Lightness, colorizer: PhotoColorizer) -> Floats | None:
        """Return the key frame's ab (h,w,2) that a user gives, by a picture or by hints, if any.

        Raises:
            InputError: naming the file that is of no use.
        """
        picture, path = self.paths(shot)
        if self.was_changed(shot):
            return read_ab(picture, lightness.shape)
        hints = read_hints(path) if path.exists() else None
        if hints is None or not hints.hints:
            return None
        try:
            (ab,) = colorizer.predict([lightness], hints)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        return np.ascontiguousarray(ab.transpose(1, 2, 0))

    def state(self, shot: int) -> str:
        """Return what a shot's colours depend on here, as text."""
        picture, hints = self.paths(shot)
        changed = hash_file(picture) if self.was_changed(shot) else ""
        given = hash_file(hints) if hints.exists() and read_hints(hints).hints else ""
        return f"{changed} {given}"


def read_ab(path: Path, shape: tuple[int, ...]) -> Floats:
    """Read the colours of a picture of the shape (H,W), as ab (H,W,2).

    Raises:
        InputError: if it cannot be read, or has other proportions.
    """
    import torch

    try:
        rgb = np.asarray(read_rgb(path, MOST_PIXELS)).copy()
    except (UnreadableError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    height, width = shape[:2]
    if abs(rgb.shape[1] / rgb.shape[0] - width / height) > 0.02 * width / height:
        raise InputError(
            f"{path} has {rgb.shape[1]} x {rgb.shape[0]} px; the film has {width} x {height}"
        )
    smaller = resize(rgb, (height, width))
    ab = rgb_to_lab(from_uint8(torch.from_numpy(smaller).permute(2, 0, 1)[None])).ab[0]
    found: Floats = np.ascontiguousarray(ab.permute(1, 2, 0).numpy())
    return found


def find_references(given: Path | None, shots: int) -> list[Path | None]:
    """Return the reference photograph of each shot: one for all, or by number from a folder.

    Raises:
        InputError: if there is none, or none of a folder has the number of a shot.
    """
    if given is None:
        return [None] * shots
    if given.is_file():
        return [given] * shots
    pictures = sorted(p for p in given.glob("*") if p.suffix.lower() in SUFFIXES)
    if not pictures:
        raise InputError(f"reference is {given}; it must be a photograph or a folder of some")
    numbered = {int(m[1]): p for p in pictures if (m := NUMBER.search(p.stem))}
    found = [numbered.get(shot + 1) for shot in range(shots)]
    if not any(found):
        raise InputError(
            f"no name in {given} has the number of a shot, 1 to {shots}; call the photographs for "
            "example shot-0001.jpg, or give one photograph for all shots"
        )
    return found


def upright(values: Pixels, rotation: int) -> Pixels:
    """Turn values (H,W) or (H,W,C) of a film by its rotation, counter-clockwise in degrees."""
    return np.ascontiguousarray(np.rot90(values, rotation // 90))


def as_lightness(L: Floats) -> Lightness:
    """Turn L in 0..100 into 16-bit lightness."""
    return np.asarray(np.rint(L * (FULL / 100)).clip(0, FULL), np.uint16)
