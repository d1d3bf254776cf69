"""What is kept of a picture, and the formats of files that it comes from and goes to."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyvips

from colorization.errors import InputError
from colorization.files.painting import Lightness, Pixels

FORMATS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "avif": (".avif",),
}
"""Formats that are read and written; results get the first suffix."""
ONLY_READ = {
    "bmp": (".bmp", ".dib"),
    "gif": (".gif",),
    "heif": (".heic", ".heif", ".hif"),
    "jp2": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "jxl": (".jxl",),
    "pdf": (".pdf",),
    "pnm": (".pnm", ".pbm", ".pgm", ".ppm", ".pfm"),
}
INSTEAD = {"heif": "jpeg", "jp2": "jpeg", "jxl": "jpeg"}
"""The format of results for those that are lossy; PNG for the other :data:`ONLY_READ`."""
MAKERS = (
    "3fr arw cr2 cr3 crw dcr dng erf iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf"
    " srw x3f"
)
RAW = frozenset(f".{name}" for name in MAKERS.split())
"""Suffixes of cameras' raw files, which are refused."""
LONGEST_SIDE = 100_000  # px
SUFFIXES = {suffix: form for form, suffixes in FORMATS.items() for suffix in suffixes}
READ_SUFFIXES = SUFFIXES | {suffix: form for form, found in ONLY_READ.items() for suffix in found}

logging.getLogger("pyvips").setLevel(logging.ERROR)  # what it warns of are our own notes
pyvips.cache_set_max(0)  # nothing is asked for twice


class UnreadableError(Exception):
    """Why a file cannot be coloured, or the result not be written."""


class Picture(NamedTuple):
    """What is left of a picture when its colours are left out.

    ``lightness`` is uint16 (H,W), L in 0..65535; ``alpha`` (H,W) of its own ``bits``, 8 or 16;
    ``kept`` has metadata by libvips's names; ``notes`` say what was done to it; ``tone`` is
    ``gray``, ``toned`` or ``coloured``, see :mod:`colorization.files.tone`.
    """

    lightness: Lightness
    alpha: Pixels | None
    bits: int
    kept: Mapping[str, tuple[Any, Any]]
    has_profile: bool
    notes: tuple[str, ...]
    tone: str = "gray"


class Wanted(NamedTuple):
    """What to read of a file: which of its pages, from 0 on, and how.

    ``white`` is the value of white in files that do not say it; None finds it from the values.
    ``salvage`` reads what a damaged file still holds.
    """

    page: int = 0
    white: float | None = None
    salvage: bool = False


def reason(error: pyvips.Error) -> str:
    """What libvips says first of an error: what comes after follows from it."""
    lines = [line.strip() for line in str(error.detail or error).splitlines() if line.strip()]
    said = [text for _, _, text in (line.partition(": ") for line in lines) if text] or lines
    if not said:
        return "it cannot be read"
    known = {
        "source is not in a known format": "not a picture",
        "unable to open for read": said[-1],  # the system's own reason
    }
    return known.get(said[0], said[0])


def check_suffix(path: Path) -> str:
    """The format that a result's name stands for.

    Raises:
        InputError: for none that is written.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path} has no known format: {', '.join(sorted(SUFFIXES))}")
    return form
