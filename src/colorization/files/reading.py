"""Files of any kind to pictures, upright and by their colour profile in sRGB.

The one reader of photographs, for training (:func:`read_rgb`) and colouring (:func:`read_picture`).
libvips decodes JPEG, PNG, WebP and TIFF; :mod:`colorization.files.opening` says who does the rest.
"""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyvips
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from colorization.files.foreign import INTERPRETATIONS, PROFILE, PROFILE_IN_PILLOW, with_profile
from colorization.files.metadata import read_more
from colorization.files.opening import AS_IT_IS, check_claims, open_picture
from colorization.files.painting import FULL, Pixels
from colorization.files.pictures import Picture, UnreadableError, Wanted, reason
from colorization.files.tone import SEEN, tone_of
from colorization.files.white import to_16_bits

KEPT = ("exif-data", "xmp-data", "iptc-data", "png-comment-")  # libvips's names start so
SPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # of a profile, by channels of colour
MISSING = "premature end"  # of what libjpeg warns of
ENDS_EARLY = (MISSING, "read error")  # of what libraries say of files that are cut short
VAGUE = "unable to write to memory"  # what is left if another thread takes libvips's reason
TRIES = 5  # to hear that reason
SALVAGE = "--salvage colours what is there"
OWN_COLORS = "it has colours of its own, which are left out"

Read = TypeVar("Read")


class Layers(NamedTuple):
    """A picture of libvips, taken apart: channels of colour in sRGB or gray, and alpha.

    ``bits`` are those of a channel of the file; ``notes`` say what was wrong with its profile, and
    what was taken as white.
    """

    colors: Any
    alpha: Any
    bits: int
    orientation: int
    has_profile: bool
    notes: tuple[str, ...]


def read_picture(path: Path, max_pixels: int, wanted: Wanted = AS_IT_IS) -> Picture:
    """Read a file; its EXIF orientation is applied, its colour profile honoured.

    Raises:
        UnreadableError: if it is none of the formats, damaged, over a limit of
            :func:`check_claims`, or a part of its data is missing.
    """
    if wanted.salvage:
        try:
            return read_picture(path, max_pixels, wanted._replace(salvage=False))
        except UnreadableError as error:
            why = str(error).removesuffix(f"; {SALVAGE}")
    opened = open_picture(path, max_pixels, wanted)
    picture = strictly(lambda fail_on: picture_of(opened.decode(fail_on), wanted), wanted)
    more = read_more(path, opened.form, wanted.page)
    picture = picture._replace(kept={**picture.kept, **more})
    if not wanted.salvage:
        return picture
    if (picture.lightness == picture.lightness[0, 0]).all():
        raise UnreadableError(f"{why}; nothing of it can be salvaged")
    return picture._replace(notes=(*picture.notes, f"salvaged: {why}"))


def read_colors(path: Path, max_pixels: int, wanted: Wanted = AS_IT_IS) -> Pixels:
    """Read a file with its own colours, upright: sRGB (H,W,3) of its own bits.

    Raises:
        UnreadableError: as :func:`read_picture`.
    """
    opened = open_picture(path, max_pixels, wanted)

    def read(fail_on: str) -> Pixels:
        layers = layers_of(opened.decode(fail_on), wanted.white)
        return np.ascontiguousarray(upright(as_rgb(layers.colors, layers.bits), layers.orientation))

    return strictly(read, wanted)


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
        opened = open_picture(path, max_pixels, setting=setting)
        rgb = strictly(lambda fail_on: rgb_of(opened.decode(fail_on)))
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
        return Image.fromarray(as_rgb(in_srgb(with_profile(whole, profile), profile)[0]))
    return found.convert("RGB")


def strictly(read: Callable[[str], Read], wanted: Wanted = AS_IT_IS) -> Read:
    """Read with libvips's ``fail_on=warning``, by which missing data of a JPEG are noticed.

    Other warnings, as of odd tags in a TIFF, are of no weight: then it is read again. To salvage,
    it is read in any case.
    """
    try:
        if wanted.salvage:
            return read("none")
        for _ in range(TRIES):
            try:
                return read("warning")
            except pyvips.Error as error:
                why = reason(error)
                if MISSING in why:
                    raise
                if why != VAGUE:
                    break
        return read("error")
    except pyvips.Error as error:
        why = reason(error)
        more = f"; {SALVAGE}" if any(said in why.lower() for said in ENDS_EARLY) else ""
        raise UnreadableError(why + more) from error
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error


def layers_of(image: Any, white: float | None = None) -> Layers:
    """Take a picture of libvips apart, its colours in sRGB by its profile.

    Raises:
        UnreadableError: for pixels of no stated meaning.
    """
    fields = image.get_fields()
    orientation = image.get("orientation") if "orientation" in fields else 1
    bits, alpha, colors, assumed = channels_of(image, white)
    flat, note = in_srgb(colors, image.get(PROFILE) if PROFILE in fields else None)
    notes = tuple(said for said in (assumed, note) if said)
    return Layers(flat, alpha, bits, orientation, PROFILE in fields, notes)


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
    return np.ascontiguousarray(upright(as_rgb(flat), layers.orientation))


def as_rgb(flat: Any, bits: int = 8) -> Pixels:
    """Gray, Lab or sRGB of libvips as uint8 or uint16 (H,W,3)."""
    if flat.interpretation == "lab":
        flat = flat.colourspace("srgb" if bits == 8 else "rgb16")
    if flat.format == "ushort" and bits == 8:
        flat = (flat / 257).rint().cast("uchar")
    elif flat.format == "uchar" and bits == 16:
        flat = (flat * 257).cast("ushort")
    if flat.bands == 1:
        flat = flat.bandjoin([flat, flat])
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.ndarray((flat.height, flat.width, 3), dtype, flat.write_to_memory())


def picture_of(image: Any, wanted: Wanted = AS_IT_IS) -> Picture:
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
    pages = image.get("n-pages") if "n-pages" in fields else 1
    if pages > 1 and not wanted.page:
        notes.append(f"the first of {pages} pictures in the file")
    has_colors = image.bands >= 3
    if has_colors:
        image = image.copy_memory()  # which is gone through twice
    flat, alpha, bits, orientation, has_profile, said = layers_of(image, wanted.white)
    tone = "gray"
    if flat.bands == 1:
        lightness = flat.maplut(lightness_table(flat.interpretation))
    else:
        if has_colors:
            tone = measure_tone(image, wanted.white)
        lightness = as_lightness(flat.colourspace("lab"))
    if tone == "coloured":
        notes.append(OWN_COLORS)
    if alpha is not None:
        lightness = lightness.bandjoin(alpha)
    lightness = lightness.cast("ushort")
    shape = (lightness.height, lightness.width, lightness.bands)
    decoded = np.ndarray(shape, np.uint16, lightness.write_to_memory())
    planes = upright(decoded, orientation)
    return Picture(
        np.ascontiguousarray(planes[..., 0]),
        None if alpha is None else planes[..., 1].astype(np.uint8 if bits == 8 else np.uint16),
        bits,
        kept,
        has_profile,
        (*notes, *said),
        tone,
    )


def measure_tone(image: Any, white: float | None) -> str:
    """Tell whether a picture of libvips is gray, toned or coloured, by a small copy of it."""
    by = max(1, min(image.width, image.height) // SEEN)
    small = layers_of(image.shrink(by, by) if by > 1 else image, white).colors.colourspace("lab")
    size = (small.height, small.width, 3)
    values = np.ndarray(size, np.float32, small.cast("float").write_to_memory())
    return tone_of(values)


def as_lightness(lab: Any) -> Any:
    return (lab[0] * (FULL / 100)).rint().cast("ushort")


@cache
def lightness_table(gray: str) -> Any:
    """Of every value of a gray picture: ``b-w`` or ``grey16``."""
    values = pyvips.Image.identity(ushort=gray == "grey16").copy(interpretation=gray)
    return as_lightness(values.colourspace("lab")).copy_memory()


def channels_of(image: Any, white: float | None) -> tuple[int, Any, Any, str]:
    """Bits of a channel, the alpha channel if there is one, the channels of colour, and a note.

    Channels of other than 8 bits are brought to 16; the note says what was taken as white.
    """
    note = ""
    has_alpha = image.hasalpha()
    colors = image.bands - has_alpha
    if image.interpretation == "lab":
        bits = 16
    elif image.format == "uchar":
        bits = 8
    elif image.interpretation == "cmyk" and image.format == "ushort":
        bits = 16
    elif image.interpretation in ("xyz", "labq", "labs"):
        raise UnreadableError(f"{image.bands} channels as {image.interpretation}")
    else:
        bits = 16
        image, note = to_16_bits(image, colors, white)
    alpha = None
    if has_alpha:
        alpha = image[colors].cast("uchar" if bits == 8 else "ushort")
        image = image.extract_band(0, n=colors)
    known = INTERPRETATIONS.get((image.bands, bits))
    is_known = image.interpretation in (*INTERPRETATIONS.values(), "lab", "multiband")
    if known is None or not is_known:
        raise UnreadableError(f"{image.bands} channels as {image.interpretation}")
    if image.interpretation == "multiband" or (image.bands == 1 and bits == 16):
        image = image.copy(interpretation=known)
    return bits, alpha, image, note


def in_srgb(image: Any, profile: bytes | None) -> tuple[Any, str]:
    """A picture by its colour profile in sRGB, and a note if that is of no use."""
    if image.interpretation == "lab":
        return image, ""
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


def upright(planes: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation, 1..8, to (H,W) or (H,W,C)."""
    if orientation in (5, 6, 7, 8):
        planes = planes.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        planes = planes[::-1]
    if orientation in (2, 3, 6, 7):
        planes = planes[:, ::-1]
    return planes
