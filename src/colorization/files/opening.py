"""Open a file of any kind: what it is by its first bytes, who decodes it, what it claims."""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyvips

from colorization.files import foreign, scanned_pdf, tiff
from colorization.files.pictures import (
    FORMATS,
    LONGEST_SIDE,
    ONLY_READ,
    RAW,
    UnreadableError,
    Wanted,
    reason,
)

HEAD = 4096  # bytes
LONGEST_NAME = 255  # bytes
MAGIC = {
    "bmp": (b"BM",),
    "gif": (b"GIF87a", b"GIF89a"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "jxl": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "pnm": tuple(
        b"P" + kind + space
        for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")
        for space in (b"\n", b" ", b"\r", b"\t")
    ),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
BRANDS = {
    "avif": (b"avif", b"avis"),
    "heif": (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"),
}
HTML = (b"<!doctype html", b"<html")
NARROWEST = 1000  # times the shorter side: a longer one is refused
PIXELS_A_BYTE = {"jpeg": 8 * 64, "png": 8 * 1032}
"""That a file can hold: a bit for a block of 8 x 8, as Huffman codes take; a bit for a pixel, which
deflate brings to a 1032nd. Other formats say how long their data are."""
AS_IT_IS = Wanted()


class Opened(NamedTuple):
    """A file whose header is read and checked.

    ``form`` is that of its content. ``decode`` takes libvips's ``fail_on`` and gives its picture.
    """

    form: str
    width: int
    height: int
    pages: int
    decode: Callable[[str], Any]


def form_of(path: Path) -> str:
    """The format of a file by its first bytes; empty for one that only libvips may know.

    Raises:
        UnreadableError: for what is no picture, and for cameras' raw files.
        OSError: if it cannot be read.
    """
    if path.suffix.lower() in RAW:
        raise UnreadableError("a camera's raw file; develop it first, and save it as TIFF or JPEG")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise UnreadableError("an empty file; copy or scan it again")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith(HTML):
        raise UnreadableError("a web page, not a picture; download the picture itself")
    for form, starts in MAGIC.items():
        if head.startswith(starts):
            return form
    if head[4:8] == b"ftyp":
        length = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(length, HEAD), 4))}
        for form, known in BRANDS.items():
            if brands.intersection(known):
                return form
    return ""


def open_picture(
    path: Path, max_pixels: int, wanted: Wanted = AS_IT_IS, setting: str = "max_pixels"
) -> Opened:
    """Open a file and check what its header claims; pixels are decoded when they are asked for.

    Raises:
        UnreadableError: for no picture, a damaged header, a page that is not there, or claims
            over a limit of :func:`check_claims`.
    """
    try:
        path = followed(path)
        form = form_of(path)
        size = path.stat().st_size
        if form == "pdf":
            opened = open_pdf(path, wanted)
        elif form in foreign.PLUGINS and (form != "png" or wanted.salvage):
            opened = open_foreign(path, form, wanted)
        else:
            opened = open_with_vips(path, form, wanted)
    except pyvips.Error as error:
        raise UnreadableError(reason(error)) from error
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    if wanted.page >= opened.pages:
        raise UnreadableError(f"it has no page {wanted.page + 1}; its last is {opened.pages}")
    check_claims(
        opened.form, opened.width, opened.height, size, max_pixels, setting, wanted.salvage
    )
    return opened


def followed(path: Path) -> Path:
    """The file that a link names which was stored as text, as Git does without links; or itself."""
    if 0 < path.stat().st_size <= LONGEST_NAME:
        name = os.fsdecode(path.read_bytes())
        if "/" not in name and "\0" not in name and (path.parent / name).is_file():
            return path.parent / name
    return path


def open_pdf(path: Path, wanted: Wanted) -> Opened:
    pages = scanned_pdf.count_pages(path)
    width, height = scanned_pdf.measure(path, wanted.page) if wanted.page < pages else (1, 1)
    return Opened("pdf", width, height, pages, lambda _: scanned_pdf.decode(path, wanted.page))


def open_foreign(path: Path, form: str, wanted: Wanted) -> Opened:
    with foreign.open_with_pillow(path, form) as image:
        width, height = image.size
        pages = foreign.count_frames(image, form)
    decode = partial(foreign.decode_with_pillow, path, form, wanted.page, wanted.salvage)
    return Opened(form, width, height, max(1, pages), lambda _: decode())


def open_with_vips(path: Path, form: str, wanted: Wanted) -> Opened:
    options: dict[str, Any] = {"page": wanted.page} if wanted.page and form == "tiff" else {}
    reader = tiff.reader_of(path, wanted.page) if form == "tiff" else tiff.LIBVIPS
    if reader == tiff.TIFFFILE:
        size, pages = tiff.measure(path, wanted.page)
        return Opened(form, *size, pages, lambda _: tiff.decode_floats(path, wanted.page))
    if reader == tiff.AS_STORED:
        decode = partial(tiff.open_as_stored, path, wanted.page)
    else:
        decode = partial(vips_picture, path, options)
    image = decode("none" if wanted.salvage else "error")
    loader = "tiff" if form == "tiff" else image.get("vips-loader").removesuffix("load_source")
    if loader not in FORMATS:
        known = ", ".join([*FORMATS, *ONLY_READ])
        raise UnreadableError(f"a {loader} picture; known are {known}")
    pages = image.get("n-pages") if "n-pages" in image.get_fields() else 1
    return Opened(loader, image.width, image.height, pages, decode)


def vips_picture(path: Path, options: dict[str, Any], fail_on: str) -> Any:
    source = pyvips.Source.new_from_file(os.fsencode(path))
    return pyvips.Image.new_from_source(source, "", access="sequential", fail_on=fail_on, **options)


def check_claims(
    form: str,
    width: int,
    height: int,
    size: int,
    max_pixels: int,
    setting: str = "max_pixels",
    salvage: bool = False,
) -> None:
    """Check what a header claims, before memory is taken for it.

    Args:
        size: of the file, bytes.
        setting: the name of ``max_pixels`` in the message.
        salvage: whether the file may hold less than it claims.

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
    if not salvage and width * height > PIXELS_A_BYTE.get(form, math.inf) * size:
        raise UnreadableError(f"its data are missing: {size} bytes cannot hold {claim}")
