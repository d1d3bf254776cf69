"""Arrays, Pillow images and files that Pillow decodes, as pictures of libvips."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageFile

from colorization.files.painting import FULL
from colorization.files.pictures import UnreadableError

PROFILE = "icc-profile-data"
PROFILE_IN_PILLOW = "icc_profile"
ORIENTATION = 0x0112  # EXIF
SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
AS_THEY_ARE = {"L", "LA", "RGB", "RGBA", "CMYK", "F"}
INTERPRETATIONS = {
    (1, 8): "b-w",
    (1, 16): "grey16",
    (3, 8): "srgb",
    (3, 16): "rgb16",
    (4, 8): "cmyk",
    (4, 16): "cmyk",
}
PLUGINS = {  # the module that registers Pillow's opener of that name
    "bmp": ("PIL.BmpImagePlugin", "BMP"),
    "gif": ("PIL.GifImagePlugin", "GIF"),
    "avif": ("PIL.AvifImagePlugin", "AVIF"),
    "heif": ("pillow_heif.as_plugin", "HEIF"),
    "jp2": ("PIL.Jpeg2KImagePlugin", "JPEG2000"),
    "jxl": ("pillow_jxl.JpegXLImagePlugin", "JXL"),
    "pnm": ("PIL.PpmImagePlugin", "PPM"),
    "png": ("PIL.PngImagePlugin", "PNG"),  # of which libvips salvages nothing
}
JP2_BOXES = {  # where JPEG 2000 keeps what other formats have fields for
    b"JpgTiffExif->JP2": "exif-data",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp-data",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc-data",
}
MOST_BOXES = 1000
INCH = 25.4  # mm

truncated = Lock()  # Pillow's LOAD_TRUNCATED_IMAGES is one for the whole process


def open_with_pillow(path: Path, form: str) -> Any:
    """A file's header, as Pillow reads it; pixels are decoded when they are asked for.

    Pillow's own limit of pixels is passed over: the reader has another.

    Raises:
        UnreadableError: if it is damaged, or a package is missing.
    """
    from importlib import import_module

    module, name = PLUGINS[form]
    try:
        plugin = import_module(module)
        if form == "heif":
            plugin.register_heif_opener()
    except ImportError as error:
        package = {"jxl": "pillow-jxl-plugin", "heif": "pillow-heif"}.get(form, "pillow")
        raise UnreadableError(f"a {form} picture; pip install {package} to read it") from error
    factory, _ = Image.OPEN[name]
    try:
        return factory(path.open("rb"), "")
    except Exception as error:  # plugins raise SyntaxError, struct.error, KeyError ...
        raise UnreadableError(f"a damaged {form} picture: {said(error)}") from error


def count_frames(image: Any, form: str) -> int:
    """How many pictures a file has.

    Raises:
        UnreadableError: if it is damaged.
    """
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:  # plugins raise SyntaxError, struct.error, KeyError ...
        raise UnreadableError(f"a damaged {form} picture: {said(error)}") from error


def decode_with_pillow(path: Path, form: str, page: int, salvage: bool) -> Any:
    """A file that Pillow decodes, as a picture of libvips with its metadata.

    Raises:
        UnreadableError: if it is damaged.
    """
    with open_with_pillow(path, form) as image:
        try:
            pages = count_frames(image, form)
            if page:
                image.seek(page)
            if salvage:
                with truncated:
                    ImageFile.LOAD_TRUNCATED_IMAGES = True
                    try:
                        image.load()
                    finally:
                        ImageFile.LOAD_TRUNCATED_IMAGES = False
            else:
                image.load()
            whole = from_pillow(image).copy()
        except UnreadableError:
            raise
        except Exception as error:  # plugins raise SyntaxError, struct.error, KeyError ...
            more = "; --salvage colours what is there" if "truncated" in str(error) else ""
            raise UnreadableError(f"a damaged {form} picture: {said(error)}{more}") from error
        whole.set_type(pyvips.GValue.gint_type, "n-pages", pages)
        add_metadata(whole, image, path, form)
    return whole


def said(error: Exception) -> str:
    """The first line of an error of Pillow's."""
    return (str(error).splitlines() or [type(error).__name__])[0] or type(error).__name__


def add_metadata(whole: Any, image: Image.Image, path: Path, form: str) -> None:
    """Give a picture of libvips the EXIF, IPTC, XMP, orientation and resolution of a file."""
    blobs = {"exif-data": image.info.get("exif"), "xmp-data": image.info.get("xmp")}
    if form == "jp2":
        blobs |= jp2_boxes(path)
    for name, blob in blobs.items():
        if isinstance(blob, bytes) and blob:
            if name == "exif-data":
                blob = b"Exif\0\0" + blob.removeprefix(b"Exif\0\0")
                exif = Image.Exif()
                try:
                    exif.load(blob)
                    orientation = exif.get(ORIENTATION, 1)
                except Exception:  # a damaged block raises many kinds
                    continue
                if isinstance(orientation, int) and 1 <= orientation <= 8:
                    whole.set_type(pyvips.GValue.gint_type, "orientation", orientation)
            whole.set_type(pyvips.GValue.blob_type, name, blob)
    dpi = image.info.get("dpi")
    if isinstance(dpi, tuple) and all(0 < value < FULL for value in dpi):
        across, down = (float(value) / INCH for value in dpi)
        whole.set_type(pyvips.GValue.gdouble_type, "xres", across)
        whole.set_type(pyvips.GValue.gdouble_type, "yres", down)


def jp2_boxes(path: Path) -> dict[str, bytes]:
    """Metadata that a JPEG 2000 file keeps in boxes of its own, by libvips's names."""
    found: dict[str, bytes] = {}
    with path.open("rb") as file:
        for _ in range(MOST_BOXES):
            size = int.from_bytes(file.read(4), "big")
            kind = file.read(4)
            if size < 8:  # the last one, or one of over 4 GB: pixels
                break
            if kind == b"uuid":
                body = file.read(size - 8)
                if name := JP2_BOXES.get(body[:16]):
                    found[name] = body[16:]
            else:
                file.seek(size - 8, 1)
    return found


def from_pillow(image: Image.Image) -> Any:
    """A Pillow image as a picture of libvips, with its profile."""
    if image.mode in SIXTEEN_BIT:
        whole = from_array(np.asarray(image).clip(0, FULL).astype(np.uint16))
    elif image.mode in AS_THEY_ARE and "transparency" not in image.info:
        is_cmyk = image.mode == "CMYK"
        whole = from_array(np.asarray(image), "cmyk" if is_cmyk else "")
    else:
        mode = "L" if image.mode == "1" else "RGBA" if image.has_transparency_data else "RGB"
        whole = from_array(np.asarray(image.convert(mode)))
    if profile := image.info.get(PROFILE_IN_PILLOW):
        whole = with_profile(whole, profile)
    return whole


def from_array(array: NDArray[Any], interpretation: str = "") -> Any:
    """An array (H,W) or (H,W,C) of uint8, uint16 or float32 as a picture of libvips.

    Raises:
        UnreadableError: for another shape or type.
    """
    planes = np.asarray(array)
    planes = planes[..., None] if planes.ndim == 2 else planes
    if planes.ndim != 3 or not 1 <= planes.shape[2] <= 4 or 0 in planes.shape:
        raise UnreadableError(f"an array of shape {np.shape(array)}; it must be (H,W), or (H,W,C)")
    if planes.dtype not in (np.uint8, np.uint16, np.float32):
        raise UnreadableError(f"an array of {planes.dtype}; it must be uint8, uint16 or float")
    colors = planes.shape[2] - (planes.shape[2] in (2, 4) and not interpretation)
    kind = interpretation or INTERPRETATIONS[colors, min(16, 8 * planes.itemsize)]
    return pyvips.Image.new_from_array(np.ascontiguousarray(planes), interpretation=kind)


def with_profile(image: Any, profile: bytes) -> Any:
    """A picture of libvips with this colour profile."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, PROFILE, profile)
    return image
