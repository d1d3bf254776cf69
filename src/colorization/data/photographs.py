"""Read photographs of every common kind into square uint8 RGB, once, in parallel."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from colorization.errors import InputError
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_rgb
from colorization.reports.progress import shown
from colorization.settings.machine import cores

log = logging.getLogger(__name__)

FEW = 5  # names in a message
AHEAD = 8  # items read before they are asked for
READING = "reading photographs"
MIN_SIDE = 8  # px; below this there is nothing to learn from

In = TypeVar("In")
Out = TypeVar("Out")


class Pixels(Protocol):
    """uint8 sRGB (N,3,S,S), in memory or not, of which rows are taken by number, list or slice."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class Chosen:
    """Some rows of pixels, which are not copied."""

    def __init__(self, pixels: Pixels, rows: Tensor) -> None:
        self.pixels = pixels
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any, /) -> Tensor:
        return self.pixels[self.rows[rows]]


@dataclass(frozen=True)
class Images:
    """Named square pictures, and fingerprints of them if those are known already."""

    names: list[str]
    pixels: Pixels
    known: list[str] | None = None

    @cached_property
    def digests(self) -> list[str]:
        """Fingerprints of the pictures."""
        if self.known is not None:
            return self.known
        return [digest(self.pixels[row]) for row in range(len(self.names))]

    def without(self, is_out: Tensor) -> "Images":
        """Those that are not out, by a bool (N,)."""
        rows = (~is_out).nonzero().flatten()
        kept = rows.tolist()
        known = self.known and [self.known[row] for row in kept]
        return Images([self.names[row] for row in kept], Chosen(self.pixels, rows), known)


def digest(rgb: Tensor) -> str:
    """Fingerprint of the pixels of a uint8 picture (3,H,W)."""
    return hashlib.blake2b(rgb.contiguous().numpy().tobytes(), digest_size=16).hexdigest()


class UnusablePhotographError(Exception):
    """Why one file cannot be used."""


def read_photograph(path: Path, size: int | None, max_pixels: int) -> Tensor:
    """Read a photograph as uint8 sRGB: its centre square (3,size,size), or the whole as it is.

    It is read as for colouring, see :func:`read_rgb`; large JPEGs are decoded at a fraction of
    their size where a size is asked for.

    Raises:
        UnusablePhotographError: for what is not a whole picture of at least 8 x 8 px and at most
            ``max_pixels``.
        InputError: naming a file that the system cannot read, perhaps only now.
    """
    try:
        rgb = read_rgb(path, max_pixels, size and 2 * size, "dataset.max_pixels")
    except UnreadableError as error:
        check_readable(path)
        raise UnusablePhotographError(str(error)) from error
    if min(rgb.size) < MIN_SIDE:
        raise UnusablePhotographError(
            f"{rgb.width} x {rgb.height} px is too small; at least {MIN_SIDE} x {MIN_SIDE}"
        )
    if size is not None:
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1).contiguous()


def check_readable(path: Path) -> None:
    """Raise InputError, naming a file, if the system cannot read all of it."""
    try:
        with path.open("rb") as file:
            while file.read(2**20):
                pass
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def ahead(work: Callable[[In], Out], items: Iterable[In], depth: int = AHEAD) -> Iterator[Out]:
    """Results in order, worked out in threads up to ``depth`` items before they are asked for."""
    with ThreadPoolExecutor(cores()) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_photographs(paths: Sequence[Path], names: list[str], size: int, max_pixels: int) -> Images:
    """Read photographs in parallel; one that cannot be used is named in a warning and left out.

    Returns:
        The usable ones in the order given.

    Raises:
        InputError: naming a file that the system cannot read.
    """

    def read(path: Path) -> Tensor | UnusablePhotographError:
        try:
            return read_photograph(path, size, max_pixels)
        except UnusablePhotographError as error:
            return error

    kept: list[str] = []
    pixels: list[Tensor] = []
    unusable: dict[str, str] = {}
    for path, name, result in zip(
        paths, names, shown(ahead(read, paths), READING, len(paths)), strict=True
    ):
        if isinstance(result, UnusablePhotographError):
            unusable[str(path)] = str(result)
        else:
            kept.append(name)
            pixels.append(result)
    warn_of_unusable(unusable)
    return Images(kept, torch.stack(pixels) if pixels else torch.empty(0, 3, size, size).byte())


def warn_of_unusable(reasons: Mapping[str, str]) -> None:
    """Name the files that are left out."""
    for name, reason in reasons.items():
        log.warning("left out %s: %s", name, reason)


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def check_usable(used: int, asked: int, split: str, source: object) -> None:
    """Raise InputError if fewer than half of a split's photographs can be used."""
    if 2 * used < asked:
        raise InputError(f"only {used} of the {asked} {split} photographs in {source} can be used")
