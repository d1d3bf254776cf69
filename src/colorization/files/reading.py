"""JPEG, PNG, WebP and TIFF files to pictures, upright and by their colour profile in sRGB.

The one reader of photographs, for training (:func:`read_rgb`) and colouring (:func:`read_picture`).
"""

import math
import os
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from colorization.files.painting import FULL, Pixels
from colorization.files.pictures import FORMATS, LONGEST_SIDE, Picture, UnreadableError, reason

KEPT = ("exif-data", "xmp-data", "iptc-data", "png-comment-")  # libvips's names start so
PROFILE = "icc-profile-data"
PROFILE_IN_PILLOW = "icc_profile"
INTERPRETATIONS = {
    (1, 8): "b-w",
    (1, 16): "grey16",
    (3, 8): "srgb",
    (3, 16): "rgb16",
    (4, 8): "cmyk",
    (4, 16): "cmyk",
}
SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # of a profile, by channels of colour
NARROWEST = 1000  # times the shorter side: a longer one is refused
PIXELS_A_BYTE = {"jpeg": 8 * 64, "png": 8 * 1032}
"""That a file can hold: a bit for a block of 8 x 8, as Huffman codes take; a bit for a pixel, which
deflate brings to a 1032nd. Other formats say how long their data are."""
MISSING = "premature end"  # of what libjpeg warns of
COLORED = 1.5  # mean chroma, CIE units, from which a picture is said to have colours of its own


Read = TypeVar("Read")


class Layers(NamedTuple):
    """A picture of libvips, taken apart: channels of colour in sRGB or gray, and alpha.

    ``bits`` are those of a channel of the file; ``note`` says what was wrong with its profile.
    """

    colors: Any
    alpha: Any
    bits: int
    orientation: int
    has_profile: bool
    note: str


def read_picture(path: Path, max_pixels: int) -> Picture:
    """Read a file; its EXIF orientation is applied, its colour profile honoured.

    Raises:
        UnreadableError: if it is none of the formats, damaged, over a limit of
            :func:`check_claims`, or a part of its data is missing.
    """
    return strictly(lambda fail_on: picture_of(open_picture(path, max_pixels, fail_on)))


def read_rgb(
    path: Path, max_pixels: int, side: int | None = None, setting: str = "max_pixels"
) -> Image.Image:
    """Read a file as 8-bit sRGB, upright, as :func:`read_picture` does; transparency on white.

    Args:
        side: px that its shorter side needs; a large JPEG is decoded at a fraction of its size.
        setting: the name of ``max_pixels`` in messages.

    Raises:
        UnreadableError: as :func:`read_picture`.
    """
    found = shrunk_jpeg(path, max_pixels, side, setting) if side else None
    if found is None:
        rgb = strictly(lambda fail_on: rgb_of(open_picture(path, max_pixels, fail_on, setting)))
        found = Image.fromarray(rgb)
    return found


def shrunk_jpeg(path: Path, max_pixels: int, side: int, setting: str) -> Image.Image | None:
    """As :func:`read_rgb`, of a gray or RGB JPEG; None for what libvips has to look at.

    Pillow gives the same pixels as libvips, and decodes small files twice as fast. It does not say
    when data are missing: from there on a picture has one colour.
    """
    try:
        with JpegImageFile(path) as image:
            check_claims("jpeg", *image.size, path.stat().st_size, max_pixels, setting)
            shrink = side / min(image.size)
            image.draft(image.mode, (round(image.width * shrink), round(image.height * shrink)))
            image.load()
            last = image.crop((0, image.height - 1, *image.size))
            if image.mode not in ("L", "RGB") or last.getcolors(1):
                return None
            found = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError):
        return None
    if profile := found.info.get(PROFILE_IN_PILLOW):
        whole = pyvips.Image.new_from_array(
            np.asarray(found), interpretation=INTERPRETATIONS[len(found.getbands()), 8]
        )
        return Image.fromarray(as_8_bits(in_srgb(with_profile(whole, profile), profile)[0]))
    return found.convert("RGB")


def strictly(read: Callable[[str], Read]) -> Read:
    """Read with libvips's ``fail_on=warning``, by which missing data of a JPEG are noticed.

    Other warnings, as of odd tags in a TIFF, are of no weight: then it is read again.
    """
    try:
        try:
            return read("warning")
        except (pyvips.Error, UnreadableError) as error:
            if isinstance(error, UnreadableError) or MISSING in reason(error):
                raise
            return read("error")
    except pyvips.Error as error:
        raise UnreadableError(reason(error)) from error


def open_picture(
    path: Path, max_pixels: int, fail_on: str = "error", setting: str = "max_pixels"
) -> Any:
    """A file's header, checked; pixels are decoded when they are asked for."""
    try:
        source = pyvips.Source.new_from_file(os.fsencode(path))
        image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on=fail_on)
        size = path.stat().st_size
    except pyvips.Error as error:
        raise UnreadableError(reason(error)) from error
    loader = image.get("vips-loader").removesuffix("load_source")
    if loader not in FORMATS:
        raise UnreadableError(f"a {loader} picture; known are {', '.join(FORMATS)}")
    check_claims(loader, image.width, image.height, size, max_pixels, setting)
    return image


def check_claims(
    form: str, width: int, height: int, size: int, max_pixels: int, setting: str = "max_pixels"
) -> None:
    """Check what a header claims, before memory is taken for it.

    Args:
        size: of the file, bytes.
        setting: the name of ``max_pixels`` in the message.

    Raises:
        UnreadableError: for more pixels than are allowed or than the file can hold, a side over
            100,000 px, or one over 1,000 times the other.
    """
    claim = f"{width} x {height} px"
    if width * height > max_pixels:
        raise UnreadableError(f"{claim} is over {setting}={max_pixels}")
    if max(width, height) > LONGEST_SIDE:
        raise UnreadableError(f"{claim}; {LONGEST_SIDE:,} are the most along a side")
    if max(width, height) > NARROWEST * min(width, height):
        raise UnreadableError(f"{claim}; one side is over {NARROWEST} times the other")
    if width * height > PIXELS_A_BYTE.get(form, math.inf) * size:
        raise UnreadableError(f"its data are missing: {size} bytes cannot hold {claim}")


def layers_of(image: Any) -> Layers:
    """Take a picture of libvips apart, its colours in sRGB by its profile.

    Raises:
        UnreadableError: for pixels of no stated meaning.
    """
    fields = image.get_fields()
    orientation = image.get("orientation") if "orientation" in fields else 1
    bits, alpha, colors = channels_of(image)
    flat, note = in_srgb(colors, image.get(PROFILE) if PROFILE in fields else None)
    return Layers(flat, alpha, bits, orientation, PROFILE in fields, note)


def rgb_of(image: Any) -> Pixels:
    """A picture of libvips as uint8 sRGB (H,W,3), upright; transparency on white.

    Raises:
        UnreadableError: for pixels of no stated meaning.
    """
    layers = layers_of(image)
    flat = layers.colors
    if layers.alpha is not None:
        full = 255 if layers.bits == 8 else FULL
        white = 255 if flat.format == "uchar" else FULL
        share = layers.alpha / full
        opaque = (flat * share + white * (1 - share)).rint().cast(flat.format)
        flat = opaque.copy(interpretation=flat.interpretation)
    return np.ascontiguousarray(upright(as_8_bits(flat), layers.orientation))


def as_8_bits(flat: Any) -> Pixels:
    """Gray or sRGB of libvips as uint8 (H,W,3)."""
    if flat.interpretation == "lab":
        flat = flat.colourspace("srgb")
    if flat.format == "ushort":
        flat = (flat / 257).rint().cast("uchar")
    if flat.bands == 1:
        flat = flat.bandjoin([flat, flat])
    return np.ndarray((flat.height, flat.width, 3), np.uint8, flat.write_to_memory())


def picture_of(image: Any) -> Picture:
    """A picture of libvips as what is kept of it.

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
    flat, alpha, bits, orientation, has_profile, note = layers_of(image)
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
        has_profile,
        tuple(notes),
    )


def as_lightness(lab: Any) -> Any:
    return (lab[0] * (FULL / 100)).rint().cast("ushort")


@cache
def lightness_table(gray: str) -> Any:
    """Of every value of a gray picture: ``b-w`` or ``grey16``."""
    values = pyvips.Image.identity(ushort=gray == "grey16").copy(interpretation=gray)
    return as_lightness(values.colourspace("lab")).copy_memory()


def channels_of(image: Any) -> tuple[int, Any, Any]:
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


def with_profile(image: Any, profile: bytes) -> Any:
    """A picture of libvips with this colour profile."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    return image


def profile_space(profile: bytes) -> str:
    """What an ICC profile is of: GRAY, RGB, CMYK ...; empty for a damaged one."""
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError):
        return ""


def upright(planes: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation, 1..8, to (H,W) or (H,W,C)."""
    if orientation in (5, 6, 7, 8):
        planes = planes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        planes = planes[::-1]
    if orientation in (2, 3, 6, 7):
        planes = planes[:, ::-1]
    return planes
