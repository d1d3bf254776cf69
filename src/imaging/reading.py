"""JPEG, PNG, WebP and TIFF files to pictures, upright and by their colour profile in sRGB."""

import os
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import ImageCms

from src.imaging.painting import FULL
from src.imaging.pictures import FORMATS, Picture, UnreadableError, reason

KEPT = ("exif-data", "xmp-data", "iptc-data", "png-comment-")  # libvips's names start so
PROFILE = "icc-profile-data"
INTERPRETATIONS = {
    (1, 8): "b-w",
    (1, 16): "grey16",
    (3, 8): "srgb",
    (3, 16): "rgb16",
    (4, 8): "cmyk",
    (4, 16): "cmyk",
}
SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # of a profile, by channels of colour
COLORED = 1.5  # mean chroma, CIE units, from which a picture is said to have colours of its own


def read_picture(path: Path, max_pixels: int) -> Picture:
    """Read a file; its EXIF orientation is applied, its colour profile honoured.

    Raises:
        UnreadableError: if it is none of the formats, damaged, or larger than ``max_pixels``.
    """
    try:
        image = open_picture(path, max_pixels)
        return picture_of(image)
    except pyvips.Error as error:
        raise UnreadableError(reason(error)) from error


def open_picture(path: Path, max_pixels: int) -> Any:
    """A file's header, checked; pixels are decoded when they are asked for."""
    try:
        source = pyvips.Source.new_from_file(os.fsencode(path))
        image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error")
    except pyvips.Error as error:
        raise UnreadableError(reason(error)) from error
    loader = image.get("vips-loader").removesuffix("load_source")
    if loader not in FORMATS:
        raise UnreadableError(f"a {loader} picture; known are {', '.join(FORMATS)}")
    if image.width * image.height > max_pixels:
        raise UnreadableError(f"{image.width} x {image.height} px is over max_pixels={max_pixels}")
    return image


def picture_of(image: Any) -> Picture:
    """Take a picture of libvips apart.

    Raises:
        UnreadableError: for pixels of no stated meaning.
    """
    fields = image.get_fields()
    kept = {
        name: (image.get_typeof(name), image.get(name)) for name in fields if name.startswith(KEPT)
    }
    kept |= {name: (None, getattr(image, name)) for name in ("xres", "yres")}
    notes = []
    if "n-pages" in fields and image.get("n-pages") > 1:
        notes.append(f"the first of {image.get('n-pages')} pictures in the file")
    orientation = image.get("orientation") if "orientation" in fields else 1
    bits, alpha, colors = layers_of(image)
    flat, note = in_srgb(colors, image.get(PROFILE) if PROFILE in fields else None)
    if flat.bands == 1:
        lightness = flat.maplut(lightness_table(flat.interpretation))
    else:
        lab = flat.colourspace("lab")
        lightness = as_lightness(lab)
    if alpha is not None:
        lightness = lightness.bandjoin(alpha)
    if flat.bands >= 3:
        chroma = (lab[1] * lab[1] + lab[2] * lab[2]) ** 0.5
        lightness = lightness.bandjoin((chroma * 256).rint())
    lightness = lightness.cast("ushort")
    shape = (lightness.height, lightness.width, lightness.bands)
    decoded = np.ndarray(shape, np.uint16, lightness.write_to_memory())
    planes = upright(decoded, orientation)
    if flat.bands >= 3 and planes[..., -1].mean() / 256 >= COLORED:
        notes.append("it has colours of its own, which are left out")
    if note:
        notes.append(note)
    return Picture(
        np.ascontiguousarray(planes[..., 0]),
        None if alpha is None else planes[..., 1].astype(np.uint8 if bits == 8 else np.uint16),
        bits,
        kept,
        PROFILE in fields,
        tuple(notes),
    )


def as_lightness(lab: Any) -> Any:
    return (lab[0] * (FULL / 100)).rint().cast("ushort")


@cache
def lightness_table(gray: str) -> Any:
    """Of every value of a gray picture: ``b-w`` or ``grey16``."""
    values = pyvips.Image.identity(ushort=gray == "grey16").copy(interpretation=gray)
    return as_lightness(values.colourspace("lab")).copy_memory()


def layers_of(image: Any) -> tuple[int, Any, Any]:
    """Bits of a channel, the alpha channel if there is one, and the channels of colour."""
    if image.format not in ("uchar", "ushort"):
        raise UnreadableError(f"pixels of type {image.format}, which have no stated white")
    bits = 8 if image.format == "uchar" else 16
    alpha = None
    if image.hasalpha():
        alpha = image[image.bands - 1]
        image = image.extract_band(0, n=image.bands - 1)
    known = INTERPRETATIONS.get((image.bands, bits))
    is_known = image.interpretation in (*INTERPRETATIONS.values(), "lab", "multiband")
    if known is None or not is_known:
        raise UnreadableError(f"{image.bands} channels as {image.interpretation}")
    if image.interpretation == "multiband" or (image.bands == 1 and bits == 16):
        image = image.copy(interpretation=known)
    return bits, alpha, image


def in_srgb(image: Any, profile: bytes | None) -> tuple[Any, str]:
    """A picture by its colour profile in sRGB, and a note if that is of no use."""
    space = profile_space(profile) if profile else ""
    if space == "RGB" and image.bands == 1:
        image = image.bandjoin([image, image]).copy(
            interpretation="srgb" if image.format == "uchar" else "rgb16"
        )
    if profile and space == SPACES[image.bands]:
        return image.icc_transform("srgb", embedded=True, intent="relative", depth=16), ""
    note = "its colour profile is of no use and passed over" if profile else ""
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", input_profile="cmyk", intent="relative"), note
    return image, note


def profile_space(profile: bytes) -> str:
    """What an ICC profile is of: GRAY, RGB, CMYK ...; empty for a damaged one."""
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError):
        return ""


def upright(planes: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """Apply an EXIF orientation, 1..8, to (H,W) or (H,W,C)."""
    if orientation in (5, 6, 7, 8):
        planes = planes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        planes = planes[::-1]
    if orientation in (2, 3, 6, 7):
        planes = planes[:, ::-1]
    return planes
