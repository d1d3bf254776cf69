"""Coloured pictures to files of every format that is written, with what was kept of the gray."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from colorization.files.atomic import replacing
from colorization.files.metadata import COMMENT, IPTC, XMP, finish, mark_of, wrapped_iptc
from colorization.files.painting import FULL, Pixels
from colorization.files.pictures import SUFFIXES, Picture, UnreadableError, reason

UNKNOWN = 1.0  # pixels a mm: what libvips says of files without a resolution
LOSSY = ("jpeg", "webp", "avif")
SAVERS = {"avif": "heifsave"}  # where libvips has another name
UPRIGHT = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")  # in XMP


def write_picture(
    rgb: Pixels, picture: Picture, path: Path, quality: int, model: str | None = None
) -> tuple[str, ...]:
    """Write sRGB (H,W,3) with the alpha and metadata of a picture; whole or not at all.

    Args:
        path: its suffix is the format.
        quality: 1..100 of JPEG, WebP and AVIF.
        model: that coloured it, which its metadata then say; None for a picture's own colours.

    Returns:
        Notes of what the format cannot hold.

    Raises:
        UnreadableError: if libvips cannot write it.
        OSError: if the file cannot be written.
    """
    form = SUFFIXES[path.suffix.lower()]
    options: dict[str, Any] = {"profile": "srgb"} if picture.has_profile else {}
    if form in LOSSY:
        options["Q"] = quality
    if form == "avif":
        options |= {"compression": "av1", "effort": 4, "bitdepth": 8}
    if form == "tiff":
        options |= {"compression": "deflate", "predictor": "horizontal"}
    try:
        image, notes = fitted(rgb, picture.alpha, form)
        mark = None if model is None else mark_of(picture.kept, model)
        image = with_metadata(image, picture, mark)
        with replacing(path) as beside:
            getattr(image, SAVERS.get(form, f"{form}save"))(os.fsencode(beside), **options)
            finish(beside, form, picture.kept, mark)
    except pyvips.Error as error:
        raise UnreadableError(f"{path} cannot be written: {reason(error)}") from error
    return notes


def fitted(rgb: Pixels, alpha: Pixels | None, form: str) -> tuple[Any, tuple[str, ...]]:
    """A picture that a format can hold, and notes of what it cannot."""
    notes = []
    is_wide = rgb.dtype != np.uint8
    image = pyvips.Image.new_from_array(rgb, interpretation="rgb16" if is_wide else "srgb")
    if alpha is not None:
        image = image.bandjoin(pyvips.Image.new_from_array(alpha))
        if form == "jpeg":
            image = image.flatten(background=FULL if is_wide else 255)
            notes.append("JPEG has no transparency: it is laid on white")
    if form in LOSSY and is_wide:
        image = image.colourspace("srgb")
        notes.append(f"{form.upper()} has 8 bits a channel")
    return image, tuple(notes)


def with_metadata(image: Any, picture: Picture, mark: str | None) -> Any:
    image = image.copy()
    for name, (kind, value) in picture.kept.items():
        if kind is not None and not name.startswith(COMMENT):  # whose names libvips cuts short
            if name == XMP:
                value = UPRIGHT.sub(rb"\g<1>1", value)
            elif name == IPTC:
                value = wrapped_iptc(bytes(value))
            image.set_type(kind, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # it has been applied
    if mark:
        image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Software", mark)
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", b"")  # which was gray
    known = {name: picture.kept.get(name, (None, UNKNOWN))[1] for name in ("xres", "yres")}
    resolution = {name: value for name, value in known.items() if value != UNKNOWN}
    return image.copy(**resolution)  # last, for a blob of EXIF sets it too
