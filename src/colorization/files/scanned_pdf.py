"""PDF files of one scanned picture a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyvips

from colorization.files.foreign import INCH, from_array
from colorization.files.pictures import UnreadableError

POINTS = 72  # an inch
COVERED = 0.5  # of the page's longer side, by its one picture

one_at_a_time = Lock()  # PDFium takes one thread


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A document.

    Raises:
        UnreadableError: if it is damaged or locked, or pypdfium2 is missing.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise UnreadableError("a PDF; pip install pypdfium2 to read it") from error
    with one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(path)
            try:
                yield document
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            raise UnreadableError(f"a damaged or locked PDF: {error}") from error


def count_pages(path: Path) -> int:
    with opened(path) as document:
        return len(document)


def measure(path: Path, number: int) -> tuple[int, int]:
    """Width and height in px of a page at the resolution of its scan."""
    with opened(path) as document:
        page = document[number]
        picture = picture_on(page)
        if is_upright(picture):
            width, height = picture.get_px_size()
            return (height, width) if page.get_rotation() % 180 else (width, height)
        width, height = page.get_size()
        scale = scale_of(picture)
        return max(1, round(width * scale)), max(1, round(height * scale))


def picture_on(page: Any) -> Any:
    """The one picture of a page.

    Raises:
        UnreadableError: if it has none, or several, or one that is no scan of it.
    """
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    pictures = list(page.get_objects(filter=(FPDF_PAGEOBJ_IMAGE,)))
    if len(pictures) != 1:
        raise UnreadableError(
            f"a page of a PDF with {len(pictures)} pictures; one scanned picture a page is read"
        )
    left, bottom, right, top = pictures[0].get_bounds()
    if not max(right - left, top - bottom) >= COVERED * max(page.get_size()):
        raise UnreadableError("a page of a PDF with a small picture; extract the picture first")
    return pictures[0]


def is_upright(picture: Any) -> bool:
    """Tell whether a picture lies on its page as it is stored, neither turned nor mirrored."""
    a, b, c, d, _, _ = picture.get_matrix().get()
    return bool(a > 0 and d > 0 and b == c == 0)


def scale_of(picture: Any) -> float:
    """Pixels a point of a picture."""
    left, bottom, right, top = picture.get_bounds()
    return float(max(picture.get_px_size()) / max(right - left, top - bottom))


def decode(path: Path, number: int) -> Any:
    """A page as a picture of libvips: its scan as it is stored, or drawn where it lies turned."""
    with opened(path) as document:
        page = document[number]
        picture = picture_on(page)
        scale = scale_of(picture)
        if is_upright(picture):
            drawn = picture.get_bitmap(render=False)
            turns = -page.get_rotation() // 90
        else:
            drawn, turns = page.render(scale=scale), 0
        pixels = np.rot90(np.asarray(drawn.to_pil().convert("RGB")), turns)
        pages = len(document)
    gray = (pixels == pixels[..., :1]).all()
    image = from_array(pixels[..., 0] if gray else pixels)
    resolution = scale * POINTS / INCH
    image = image.copy(xres=resolution, yres=resolution)
    image.set_type(pyvips.GValue.gint_type, "n-pages", pages)
    return image
