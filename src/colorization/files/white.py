"""What value is white, in files that do not say it: floating point, and scans of 10 to 14 bits."""

from typing import Any

import pyvips

from colorization.files.painting import FULL
from colorization.files.pictures import UnreadableError

LEVELS = {8: 255, 10: 1023, 12: 4095, 14: 16383}
"""White of scans of so many bits that are kept in 16."""
WHOLE_LEVELS = (255, 1023, 4095, 16383, FULL)
OVERRULE = "--white says otherwise"


def to_16_bits(image: Any, colors: int, white: float | None) -> tuple[Any, str]:
    """A picture of libvips of any type of numbers as one of 16 bits, and a note on what is assumed.

    Args:
        colors: channels before alpha, which white is looked for in.
        white: the value of white; None finds it: 1 for floating point in 0..1; else the least of
            255, 1023, 4095, 16383 and 65535 that no whole value is over.

    Raises:
        UnreadableError: for numbers that do not tell.
    """
    decoded = image.copy_memory()
    only = decoded.extract_band(0, n=colors)
    try:
        low, high = only.min(), only.max()
    except pyvips.Error as error:  # of pixels that are all NaN
        raise UnreadableError("pixels that are no finite numbers") from error
    kind = str(image.format)
    if white is None and kind in ("char", "short", "int"):
        raise UnreadableError(f"signed pixels ({kind}) without a stated white; --white sets it")
    if kind in ("complex", "dpcomplex") or not abs(low) + abs(high) < float("inf"):
        raise UnreadableError("pixels that are no finite numbers")
    if kind in ("float", "double") and not only.avg() < float("inf"):
        raise UnreadableError("pixels that are no finite numbers")
    note = ""
    if white is None and kind in ("float", "double"):
        white, note = white_of_floats(only, low, high)
    elif white is None:
        white, note = white_of_integers(high, 65535 if kind == "ushort" else 2**32 - 1)
    if white == FULL and kind == "ushort":
        return decoded, note
    scaled = (decoded * (FULL / white)).rint().cast("ushort")
    return scaled.copy(interpretation="grey16" if colors == 1 else "rgb16"), note


def white_of_floats(only: Any, low: float, high: float) -> tuple[float, str]:
    if low >= 0 and high <= 1:
        return 1, ""
    is_whole = (only - only.rint()).abs().max() == 0
    if low >= 0 and is_whole and high <= FULL:
        white = next(level for level in WHOLE_LEVELS if high <= level)
        return white, f"floating-point pixels up to {high:g}: white is taken as {white}; {OVERRULE}"
    raise UnreadableError(
        f"floating-point pixels from {low:g} to {high:g} without a stated white; --white sets it"
    )


def white_of_integers(high: float, full: int) -> tuple[float, str]:
    for bits, level in LEVELS.items():
        if 0 < high <= level:
            size = full.bit_length()
            note = (
                f"no value above {level} of {size} bits: white is taken as {level}, as in scans "
                f"of {bits} bits; {OVERRULE}"
            )
            return level, note
    return full, ""
