"""Pictures from and to NumPy arrays and Pillow images."""

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colorization.errors import InputError
from colorization.files.foreign import from_array, from_pillow
from colorization.files.painting import FULL, Pixels
from colorization.files.pictures import Picture, UnreadableError, Wanted
from colorization.files.reading import picture_of

AS_GIVEN = Wanted(white=FULL)  # of 16 bits


def picture_from(image: Image.Image | NDArray[Any]) -> Picture:
    """Take an image apart; see :meth:`colorization.PhotoColorizer.colorize` for what it may be.

    Raises:
        InputError: for any other.
    """
    if not isinstance(image, Image.Image | np.ndarray):
        raise InputError(f"a {type(image).__name__} is no image: give a Pillow image or an array")
    try:
        if isinstance(image, Image.Image):
            if image.mode == "F":
                raise UnreadableError("floating-point pixels have no stated white")
            return picture_of(from_pillow(ImageOps.exif_transpose(image)), AS_GIVEN)
        return picture_of(from_values(image), AS_GIVEN)
    except (UnreadableError, pyvips.Error, OSError, ValueError, TypeError) as error:
        raise InputError(f"this image cannot be coloured: {error}") from error


def from_values(array: NDArray[Any]) -> Any:
    """An array as a picture of libvips; floating point is brought to 16 bits."""
    planes = np.asarray(array)
    if np.issubdtype(planes.dtype, np.floating) and planes.size:
        if not (np.isfinite(planes).all() and planes.min() >= 0 and planes.max() <= 1):
            raise UnreadableError("floating-point values outside 0..1")
        planes = np.rint(planes.astype(np.float64) * FULL).astype(np.uint16)
    return from_array(planes)


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
