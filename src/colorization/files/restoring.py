"""Give a faded scan its range of lightness back, before it is coloured."""

import numpy as np

from colorization.errors import InputError
from colorization.files.painting import FULL
from colorization.files.pictures import Picture

CLIP = 0.01
"""The share of a tile's pixels that one tone may have, by which contrast is limited."""


def check_restoring() -> None:
    """Raise InputError if the package is missing that restores."""
    try:
        import skimage.exposure  # noqa: F401
    except ImportError as error:
        raise InputError("restore=tone needs scikit-image: pip install scikit-image") from error


def restore_tone(picture: Picture) -> Picture:
    """Stretch the lightness of a picture, by contrast-limited adaptive histogram equalisation.

    Source: Zuiderveld, Contrast Limited Adaptive Histogram Equalization (Graphics Gems IV, 1994),
    as scikit-image has it: 8 x 8 tiles.
    """
    from skimage.exposure import equalize_adapthist

    if min(picture.lightness.shape) < 16 or np.ptp(picture.lightness) == 0:
        return picture  # too small for tiles, or of one tone
    found = equalize_adapthist(picture.lightness, clip_limit=CLIP)
    lightness = np.rint(np.clip(found, 0, 1) * FULL).astype(np.uint16)
    return picture._replace(lightness=lightness)
