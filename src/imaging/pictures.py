"""Pictures with what must be kept of them, from arrays and from JPEG, PNG, WebP and TIFF files."""

import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import ImageCms

from src.errors import InputError
from src.files import replacing
from src.imaging.painting import FULL, Lightness, Pixels

FORMATS = {
    "jpeg": (".jpg", ".jpeg"),
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
}
SUFFIXES = {suffix: form for form, suffixes in FORMATS.items() for suffix in suffixes}
KEPT = ("exif-data", "xmp-data", "iptc-data", "png-comment-")  # libvips's names start so
PROFILE = "icc-profile-data"
XMP = "xmp-data"
UPRIGHT = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")  # in XMP
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

logging.getLogger("pyvips").setLevel(logging.ERROR)  # what it warns of are our own notes
pyvips.cache_set_max(0)  # nothing is asked for twice


class UnreadableError(Exception):
    """Why a file cannot be coloured, or the result not be written."""


class Picture(NamedTuple):
    """What is left of a picture when its colours are left out.

    ``lightness`` is uint16 (H,W), L in 0..65535; ``alpha`` (H,W) of its own ``bits``, 8 or 16;
    ``kept`` has metadata by libvips's names; ``notes`` say what was done to it.
    """

    lightness: Lightness
    alpha: Pixels | None
    bits: int
    kept: Mapping[str, tuple[Any, Any]]
    has_profile: bool
    notes: tuple[str, ...]


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


def write_picture(rgb: Pixels, picture: Picture, path: Path, quality: int) -> tuple[str, ...]:
    """Write sRGB (H,W,3) with the alpha and metadata of a picture; whole or not at all.

    Args:
        path: its suffix is the format.
        quality: 1..100 of JPEG and WebP.

    Returns:
        Notes of what the format cannot hold.

    Raises:
        UnreadableError: if libvips cannot write it.
        OSError: if the file cannot be written.
    """
    form = SUFFIXES[path.suffix.lower()]
    options: dict[str, Any] = {"profile": "srgb"} if picture.has_profile else {}
    if form in ("jpeg", "webp"):
        options["Q"] = quality
    if form == "tiff":
        options |= {"compression": "deflate", "predictor": "horizontal"}
    try:
        image, notes = fitted(rgb, picture.alpha, form)
        image = with_metadata(image, picture)
        with replacing(path) as beside:
            getattr(image, f"{form}save")(os.fsencode(beside), **options)
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
    if form in ("jpeg", "webp") and is_wide:
        image = image.colourspace("srgb")
        notes.append(f"{form.upper()} has 8 bits a channel")
    return image, tuple(notes)


def with_metadata(image: Any, picture: Picture) -> Any:
    resolution = {name: picture.kept[name][1] for name in ("xres", "yres") if name in picture.kept}
    image = image.copy(**resolution)
    for name, (kind, value) in picture.kept.items():
        if kind is not None:
            image.set_type(kind, name, UPRIGHT.sub(rb"\g<1>1", value) if name == XMP else value)
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # it has been applied
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", b"")  # which was gray
    return image


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
    """The format that a file's name stands for.

    Raises:
        InputError: for none that is known.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path} has no known format: {', '.join(sorted(SUFFIXES))}")
    return form
