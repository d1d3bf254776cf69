"""Read photographs of every common kind into square uint8 RGB, once, in parallel."""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from rich import get_console
from rich.progress import track
from torch import Tensor

log = logging.getLogger(__name__)

# Pillow's own limit is one for all; ours is a setting, checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

AHEAD = 8  # items read before they are asked for
MIN_SIDE = 8  # px; below this there is nothing to learn from
SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}


In = TypeVar("In")
Out = TypeVar("Out")


class Images(NamedTuple):
    """Named square pictures: pixels is uint8 sRGB (N,3,S,S)."""

    names: list[str]
    pixels: Tensor


def digest(rgb: Tensor) -> str:
    """Fingerprint of the pixels of a uint8 picture (3,H,W)."""
    return hashlib.blake2b(rgb.contiguous().numpy().tobytes(), digest_size=16).hexdigest()


class UnusablePhotographError(Exception):
    """Why one file cannot be used."""


def read_photograph(path: Path, size: int | None, max_pixels: int) -> Tensor:
    """Read a photograph as uint8 sRGB: its centre square (3,size,size), or the whole as it is.

    EXIF orientation is applied, transparency laid on white, 16-bit gray brought to 8 bits, the
    first frame taken. Large JPEGs are decoded at a fraction of their size (Pillow's draft mode)
    where a size is asked for.

    Raises:
        UnusablePhotographError: for what is not a whole picture of at least 8 x 8 px and at most
            ``max_pixels``.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UnusablePhotographError(
                    f"{width} x {height} px is over dataset.max_pixels={max_pixels}"
                )
            if min(width, height) < MIN_SIDE:
                raise UnusablePhotographError(
                    f"{width} x {height} px is too small; at least {MIN_SIDE} x {MIN_SIDE}"
                )
            if size is not None:
                shrink = 2 * size / min(width, height)
                image.draft("RGB", (round(width * shrink), round(height * shrink)))
            rgb = as_rgb(ImageOps.exif_transpose(image))
            if size is not None:
                rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BICUBIC)
    except UnidentifiedImageError:
        raise UnusablePhotographError("not an image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnusablePhotographError(str(error)) from error
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1).contiguous()


def as_rgb(image: Image.Image) -> Image.Image:
    """Bring any Pillow mode to RGB; transparency on white, 16 bits scaled to 8."""
    if image.mode in SIXTEEN_BIT:
        eight = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(eight.round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UnusablePhotographError("floating-point pixels have no stated white")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        return Image.alpha_composite(white, layers).convert("RGB")
    return image.convert("RGB")


def ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """Results in order, worked out in threads up to AHEAD items before they are asked for."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_photographs(paths: Sequence[Path], names: list[str], size: int, max_pixels: int) -> Images:
    """Read photographs in parallel; one that cannot be used is named in a warning and left out.

    Returns:
        The usable ones in the order given.
    """

    def read(path: Path) -> Tensor | UnusablePhotographError:
        try:
            return read_photograph(path, size, max_pixels)
        except UnusablePhotographError as error:
            return error

    kept: list[str] = []
    pixels: list[Tensor] = []
    results = track(
        ahead(read, paths),
        "reading photographs",
        len(paths),
        transient=True,
        disable=not get_console().is_terminal,
    )
    for path, name, result in zip(paths, names, results, strict=True):
        if isinstance(result, UnusablePhotographError):
            log.warning("left out %s: %s", path, result)
        else:
            kept.append(name)
            pixels.append(result)
    if len(kept) < len(paths):
        log.warning("%d of %d photographs could not be used", len(paths) - len(kept), len(paths))
    return Images(kept, torch.stack(pixels) if pixels else torch.empty(0, 3, size, size).byte())
