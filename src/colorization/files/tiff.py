"""TIFF files whose pixels libvips hands over as they are stored, or refuses: CIE Lab and YCbCr.

The file is handed to libvips as if its samples were RGB, whatever their compression; they are
turned into colours here. Source: TIFF 6.0 (Adobe, 1992), sections 20, 21 and 23; its technical
notes of 1997 and 2002 for ICC Lab.
"""

import struct
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips

from colorization.files.foreign import from_array
from colorization.files.pictures import UnreadableError

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
PLANES, SAMPLES = 284, 339
FLOATING, SEPARATE = 3, 2
COEFFICIENTS, SUBSAMPLING, BLACK_AND_WHITE = 529, 530, 532
RGB, YCBCR, CIELAB, ICCLAB = 2, 6, 8, 9
REFUSED = {
    4: "a mask of transparency",
    10: "ITU Lab colours",
    32803: "a camera's raw pixels",
    32844: "LogL light without a stated white",
    32845: "LogLuv light without a stated white",
    34892: "a camera's raw pixels",
}
JPEG = (6, 7)  # compressions that have YCbCr of their own
TYPES = {1: "B", 3: "H", 4: "I", 5: "II", 16: "Q"}
"""Bytes, shorts, longs, rationals and longs of 8 bytes, as ``struct`` reads them."""
LIBVIPS, AS_STORED, TIFFFILE = "libvips", "libvips, as stored", "tifffile"
MOST_TAGS = 4096
MOST_VALUES = 64
LUMA = (Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000))
FULL_RANGE = (0, 255, 128, 255, 128, 255)


class Directory(NamedTuple):
    """The tags of a page, and where in the file the value of its photometric interpretation is."""

    order: str
    tags: dict[int, tuple[Any, ...]]
    place: int

    @property
    def photometric(self) -> int:
        return int(self.tags.get(PHOTOMETRIC, (0,))[0])


def read_directory(data: bytearray | mmap, page: int) -> Directory:
    """Read the tags of a page whose values are numbers, of a classic or a big TIFF.

    Raises:
        UnreadableError: if there is no such page.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"\x2b\0", b"\0\x2b")
    count, entry, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    room = struct.calcsize(f"={offset}")
    try:
        (start,) = struct.unpack_from(f"{order}{offset}", data, 8 if is_big else 4)
        for index in range(page + 1):
            if not start:
                raise UnreadableError(f"it has no page {page + 1}; its last is {index}")
            (length,) = struct.unpack_from(f"{order}{count}", data, start)
            first = start + struct.calcsize(f"={count}")
            size = struct.calcsize(f"={entry}")
            length = min(length, MOST_TAGS)
            places = [first + size * index for index in range(length)]
            (start,) = struct.unpack_from(f"{order}{offset}", data, first + size * length)
        tags, place = {}, 0
        for at in places:
            tag, kind, number, value = struct.unpack_from(f"{order}{entry}", data, at)
            if kind not in TYPES or not 0 < number <= MOST_VALUES:
                continue
            form = f"{order}{TYPES[kind] * number}"
            if struct.calcsize(form) > room:
                (there,) = struct.unpack(f"{order}{offset}", value)
                tags[tag] = struct.unpack_from(form, data, there)
            else:
                tags[tag] = struct.unpack_from(form, value)
            if tag == PHOTOMETRIC:
                place = at + size - room
    except struct.error as error:
        raise UnreadableError("a damaged TIFF: its tags are missing") from error
    return Directory(order, tags, place)


def reader_of(path: Path, page: int) -> str:
    """Tell who reads a page: libvips, libvips with :func:`open_as_stored`, or tifffile.

    Raises:
        UnreadableError: for pixels of no stated colour.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        found = read_directory(data, page)
    if found.photometric in REFUSED:
        raise UnreadableError(f"a TIFF of {REFUSED[found.photometric]}; convert it to RGB first")
    is_jpeg = found.tags.get(COMPRESSION, (1,))[0] in JPEG
    if found.photometric in (CIELAB, ICCLAB) or (found.photometric == YCBCR and not is_jpeg):
        return AS_STORED
    if found.tags.get(SAMPLES, (1,))[0] == FLOATING:
        bits, planes = found.tags.get(BITS, (1,))[0], found.tags.get(PLANES, (1,))[0]
        if bits == 64 or (bits == 16 and planes == SEPARATE):  # which libvips gets wrong
            return TIFFFILE
    return LIBVIPS


def open_as_stored(path: Path, page: int, fail_on: str) -> Any:
    """A TIFF of CIE Lab or YCbCr as a picture of libvips, Lab or sRGB.

    Raises:
        UnreadableError: for samples that share a colour between pixels.
    """
    data = bytearray(path.read_bytes())
    found = read_directory(data, page)
    if found.photometric == YCBCR and found.tags.get(SUBSAMPLING, (2, 2)) != (1, 1):
        raise UnreadableError("a TIFF of subsampled YCbCr without JPEG; convert it to RGB first")
    struct.pack_into(f"{found.order}H", data, found.place, RGB)
    image = pyvips.Image.new_from_buffer(
        bytes(data), "", access="sequential", fail_on=fail_on, page=page
    )
    if image.bands < 3:
        raise UnreadableError(f"a TIFF of Lab or YCbCr with {image.bands} channels")
    if found.photometric == YCBCR:
        return ycbcr_to_srgb(image, found)
    return stored_lab(image, found.photometric == ICCLAB)


def measure(path: Path, page: int) -> tuple[tuple[int, int], int]:
    """Width and height of a page by its tags, and how many pages are known to be there."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        found = read_directory(data, page)
    width, height = (int(found.tags.get(tag, (0,))[0]) for tag in (WIDTH, HEIGHT))
    return (width, height), page + 1


def decode_floats(path: Path, page: int) -> Any:
    """A TIFF of floating point as a picture of libvips, decoded by tifffile.

    Raises:
        UnreadableError: if it is damaged, or compressed in a way that tifffile does not know.
    """
    try:
        import tifffile
    except ImportError as error:
        raise UnreadableError("a TIFF of rare numbers; pip install tifffile to read it") from error
    try:
        values = tifffile.imread(path, key=page)
    except Exception as error:  # of damaged files, of any kind
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableError(f"a TIFF that cannot be read: {said}") from error
    if values.ndim == 3 and values.shape[0] < values.shape[2]:
        values = np.moveaxis(values, 0, -1)
    return from_array(values.astype(np.float32))


def ycbcr_to_srgb(image: Any, found: Directory) -> Any:
    """Samples of YCbCr, 8 bits, to sRGB; alpha stays."""
    if image.format != "uchar":
        raise UnreadableError(f"a TIFF of YCbCr of type {image.format}; convert it to RGB first")
    red, green, blue = (
        float(share) for share in fractions(found.tags.get(COEFFICIENTS), 3) or LUMA
    )
    low_y, high_y, low_b, high_b, low_r, high_r = (
        float(value) for value in fractions(found.tags.get(BLACK_AND_WHITE), 6) or FULL_RANGE
    )
    if 0 in (high_y - low_y, high_b - low_b, high_r - low_r) or green == 0:
        raise UnreadableError("a damaged TIFF: its reference white is its black")
    Y = (image[0] - low_y) * (255 / (high_y - low_y))
    b = (image[1] - low_b) * (127 / (high_b - low_b))
    r = (image[2] - low_r) * (127 / (high_r - low_r))
    R, B = r * (2 - 2 * red) + Y, b * (2 - 2 * blue) + Y
    G = (Y - R * red - B * blue) * (1 / green)
    return with_alpha(R.bandjoin([G, B]).rint().cast("uchar"), image, "srgb")


def fractions(values: tuple[int, ...] | None, count: int) -> list[Fraction]:
    """Pairs of whole numbers as fractions; none if they are not so many, or have no value."""
    if not values or len(values) != 2 * count or 0 in values[1::2]:
        return []
    return [Fraction(*pair) for pair in zip(values[::2], values[1::2], strict=True)]


def stored_lab(image: Any, is_icc: bool) -> Any:
    """Samples of CIE or ICC Lab, 8 or 16 bits or floating point, to Lab of libvips."""
    if image.format in ("float", "double"):
        return with_alpha(image.extract_band(0, n=3).cast("float"), image, "lab")
    if image.format not in ("uchar", "ushort"):
        raise UnreadableError(f"a TIFF of Lab of type {image.format}; convert it to RGB first")
    unit, top = (1, 255) if image.format == "uchar" else (256, 65535)
    half = 128 * unit
    L = image[0] * (100 / ((255 * unit) if is_icc else top))
    ab = image.extract_band(1, n=2).cast("float")
    signed = ab - half if is_icc else ab - (ab >= half).ifthenelse(2.0 * half, 0.0)
    return with_alpha(L.bandjoin(signed * (1 / unit)).cast("float"), image, "lab")


def with_alpha(colors: Any, image: Any, interpretation: str) -> Any:
    """Colours, with the metadata of their file, and its alpha: of 16 bits for Lab."""
    whole = colors.copy(interpretation=interpretation)
    if image.bands < 4:
        return whole
    alpha = image[3] * 257 if interpretation == "lab" and image.format == "uchar" else image[3]
    return whole.bandjoin(alpha.cast(colors.format))
