"""Pictures from and to NumPy arrays and Pillow images."""

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colorization.errors import InputError
from colorization.files.painting import FULL, Pixels
from colorization.files.pictures import Picture, UnreadableError
from colorization.files.reading import INTERPRETATIONS, PROFILE_IN_PILLOW, picture_of, with_profile

SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
AS_THEY_ARE = {"L", "LA", "RGB", "RGBA", "CMYK"}


def picture_from(image: Image.Image | NDArray[Any]) -> Picture:
    """Take an image apart; see :meth:`colorization.PhotoColorizer.colorize` for what it may be.

    Raises:
        InputError: for any other.
    """
    if not isinstance(image, Image.Image | np.ndarray):
        raise InputError(f"a {type(image).__name__} is no image: give a Pillow image or an array")
    try:
        if isinstance(image, Image.Image):
            return from_pillow(ImageOps.exif_transpose(image))
        return picture_of(from_array(image))
    except (UnreadableError, pyvips.Error, OSError, ValueError, TypeError) as error:
        raise InputError(f"this image cannot be coloured: {error}") from error


def from_pillow(image: Image.Image) -> Picture:
    if image.mode == "F":
        raise UnreadableError("floating-point pixels have no stated white")
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
    return picture_of(whole)


def from_array(array: NDArray[Any], interpretation: str = "") -> Any:
    """An array as a picture of libvips."""
    planes = np.asarray(array)
    planes = planes[..., None] if planes.ndim == 2 else planes
    if planes.ndim != 3 or not 1 <= planes.shape[2] <= 4 or 0 in planes.shape:
        raise UnreadableError(f"an array of shape {np.shape(array)}; it must be (H,W), or (H,W,C)")
    if np.issubdtype(planes.dtype, np.floating):
        if not (np.isfinite(planes).all() and planes.min() >= 0 and planes.max() <= 1):
            raise UnreadableError("floating-point values outside 0..1")
        planes = np.rint(planes.astype(np.float64) * FULL).astype(np.uint16)
    if planes.dtype not in (np.uint8, np.uint16):
        raise UnreadableError(f"an array of {planes.dtype}; it must be uint8, uint16 or float")
    colors = planes.shape[2] - (planes.shape[2] in (2, 4))
    kind = interpretation or INTERPRETATIONS[colors, 8 * planes.itemsize]
    return pyvips.Image.new_from_array(np.ascontiguousarray(planes), interpretation=kind)


def as_given(
    rgb: Pixels, alpha: Pixels | None, image: Image.Image | NDArray[Any]
) -> Image.Image | NDArray[Any]:
    """Pixels as the kind of image that was given, with its alpha."""
    planes: NDArray[Any] = rgb if alpha is None else np.dstack([rgb, alpha])
    if isinstance(image, Image.Image):
        return Image.fromarray(planes)
    if np.issubdtype(image.dtype, np.floating):
        return (planes / np.float32(FULL)).astype(image.dtype)
    return planes
