"""Read photographs of every common kind into square uint8 RGB, once, in parallel."""

import hashlib
import json
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
VERSION = 2  # of decoded files and of the reader: 2 honours colour profiles
MIN_SIDE = 8  # px; below this there is nothing to learn from

In = TypeVar("In")
Out = TypeVar("Out")


class Pixels(Protocol):
    """uint8 sRGB (N,3,S,S), in memory or mapped; rows are taken by number, list or slice."""

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
    """Square pictures with their names, and with their digests if those are known already."""

    names: list[str]
    pixels: Pixels
    known: list[str] | None = None

    @cached_property
    def digests(self) -> list[str]:
        """A digest of each picture."""
        if self.known is not None:
            return self.known
        return [digest(self.pixels[row]) for row in range(len(self.names))]

    def without(self, is_out: Tensor) -> "Images":
        """Leave pictures out, by a bool (N,); pixels are not copied."""
        rows = (~is_out).nonzero().flatten()
        kept = rows.tolist()
        known = self.known and [self.known[row] for row in kept]
        return Images([self.names[row] for row in kept], Chosen(self.pixels, rows), known)


def digest(rgb: Tensor) -> str:
    """Return a digest of the pixels of a uint8 picture (3,H,W)."""
    return hashlib.blake2b(rgb.contiguous().numpy().tobytes(), digest_size=16).hexdigest()


class UnusablePhotographError(Exception):
    """A file cannot be used; the message says why."""


class ImageDataset(Protocol):
    """What the datamodule asks of a dataset."""

    name: str
    size: int

    def prepare(self) -> None:
        """Fetch what is missing, once, in one process."""

    def names(self, split: str) -> list[str]:
        """Return the names of the pictures of ``train``, ``val`` or ``test``, or of ``all``."""

    def read(self, name: str, size: int | None) -> Tensor:
        """Read one picture as uint8 (3,H,W): a square of ``size``, or whole as it is.

        Raises:
            UnusablePhotographError: with the reason, if it cannot be used.
        """

    def stamp(self, name: str) -> str:
        """Return a text that changes when what is read of a picture may change."""


@dataclass(frozen=True)
class Source:
    """Pictures to decode: their names, a stamp that changes when a picture may, and a reader.

    ``read`` returns uint8 (3,size,size), or raises UnusablePhotographError.
    """

    names: Sequence[str]
    stamps: Sequence[str]
    read: Callable[[str], Tensor]
    size: int

    @classmethod
    def of_split(cls, dataset: ImageDataset, split: str) -> "Source":
        """Describe a split of a dataset at the dataset's size."""
        names = dataset.names(split)
        stamps = [dataset.stamp(name) for name in names]
        return cls(names, stamps, lambda name: dataset.read(name, dataset.size), dataset.size)

    def attempt(self, name: str) -> Tensor | UnusablePhotographError:
        """Read a picture, or return why it cannot be used."""
        try:
            return self.read(name)
        except UnusablePhotographError as error:
            return error

    @property
    def row(self) -> int:
        """Bytes of a picture."""
        return 3 * self.size**2

    @property
    def fingerprint(self) -> str:
        """A digest of names, stamps and size, and of the version of file and reader."""
        return fingerprint([VERSION, self.size, list(self.names), list(self.stamps)])


def fingerprint(of: Any) -> str:
    """Return a digest of what JSON can hold."""
    return hashlib.blake2b(json.dumps(of, sort_keys=True).encode(), digest_size=16).hexdigest()


def read_photograph(path: Path, size: int | None, max_pixels: int) -> Tensor:
    """Read a photograph as uint8 sRGB: its centre square (3,size,size), or the whole as it is.

    It is read as for colouring, see :func:`read_rgb`; large JPEGs are decoded at a fraction of
    their size where a size is asked for.

    Raises:
        UnusablePhotographError: if it is not a whole picture of at least 8 x 8 px and at most
            ``max_pixels``.
        InputError: naming a file that the system cannot read, perhaps only for now.
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
    # NumPy copies in this thread; PyTorch would wait for threads of its own, seven times as long.
    return torch.from_numpy(np.asarray(rgb).transpose(2, 0, 1).copy())


def check_readable(path: Path) -> None:
    """Raise InputError, naming a file, if the system cannot read all of it."""
    try:
        with path.open("rb") as file:
            while file.read(2**20):
                pass
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def read_ahead(work: Callable[[In], Out], items: Iterable[In], depth: int = AHEAD) -> Iterator[Out]:
    """Call ``work`` in threads, up to ``depth`` items ahead; yield the results in order."""
    with ThreadPoolExecutor(cores()) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def load_in_memory(source: Source) -> Images:
    """Decode pictures in parallel; name those that cannot be used in a warning and leave them out.

    Raises:
        InputError: naming a file that the system cannot read.
    """
    pixels = torch.empty(len(source.names), 3, source.size, source.size, dtype=torch.uint8)
    unusable: dict[str, str] = {}
    found = shown(read_ahead(source.attempt, source.names), READING, len(source.names))
    for row, (name, rgb) in enumerate(zip(source.names, found, strict=True)):
        if isinstance(rgb, UnusablePhotographError):
            unusable[name] = str(rgb)
        else:
            pixels[row] = rgb
    return leave_out(unusable, Images(list(source.names), pixels))


def leave_out(unusable: Mapping[str, str], images: Images) -> Images:
    """Leave pictures out; log the name of each and the reason."""
    for name, reason in unusable.items():
        log.warning("left out %s: %s", name, reason)
    is_out = torch.tensor([name in unusable for name in images.names], dtype=torch.bool)
    return images.without(is_out) if unusable else images


def few(names: Sequence[str]) -> str:
    """List the first names, and how many more there are."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
