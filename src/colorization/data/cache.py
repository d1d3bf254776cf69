"""Pictures decoded once into a file that is mapped into memory, for more than fit there."""

import errno
import glob
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from colorization.data.photographs import (
    READING,
    Images,
    UnusablePhotographError,
    ahead,
    digest,
    warn_of_unusable,
)
from colorization.files.atomic import FOREVER, check_room, locked, write_text
from colorization.reports.progress import shown, telling
from colorization.settings.machine import cores

log = logging.getLogger(__name__)

VERSION = 2  # of the files and of the reader: 2 honours colour profiles


class Cache(NamedTuple):
    """Where decoded pictures lie, and the bytes of a split above which they do."""

    folder: Path
    limit: float

    def path(self, settings: Mapping[str, Any], split: str) -> Path:
        """The file of a split of a dataset with these settings."""
        key = fingerprint([settings, split])[:16]
        return self.folder / f"{settings['name']}_{split}_{key}.uint8"


@dataclass(frozen=True)
class Source:
    """Pictures to be decoded: their names, what changes when one does, and how it is read.

    ``read`` gives uint8 (3,size,size), or raises UnusablePhotographError.
    """

    names: Sequence[str]
    stamps: Sequence[str]
    read: Callable[[str], Tensor]
    size: int

    @property
    def row(self) -> int:
        """Bytes of a picture."""
        return 3 * self.size**2

    @property
    def fingerprint(self) -> str:
        return fingerprint([VERSION, self.size, list(self.names), list(self.stamps)])


def fingerprint(of: Any) -> str:
    return hashlib.blake2b(json.dumps(of, sort_keys=True).encode(), digest_size=16).hexdigest()


def mapped(source: Source, path: Path) -> Images:
    """The pictures of ``source`` out of ``path``, where they are decoded to if they are not there.

    One process decodes, others that want the same wait for it. A decoding that was stopped goes
    on. Pictures that cannot be used are named in a warning and left out.

    Raises:
        InputError: if the disk is too small; others are those of the source.
        OSError: if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path):
        contents = read_contents(path, source)
        if contents is None:
            contents = decode(source, path)
        pixels = rows_of(path, len(source.names), source.size)
    unusable = contents["unusable"]
    warn_of_unusable(unusable)
    images = Images(list(source.names), pixels, contents["digests"])
    is_out = torch.tensor([name in unusable for name in source.names])
    return images.without(is_out) if unusable else images


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes away from ``path``, or wait for one that does."""
    lock = path.with_suffix(".lock")
    with locked(lock) as is_ours:
        if is_ours:
            yield
            return
    log.info("another run reads the same photographs; waiting for %s", path)
    with ExitStack() as ours:
        with telling(lambda: f"waiting for {path}"):
            ours.enter_context(locked(lock, FOREVER))
        yield


def read_contents(path: Path, source: Source) -> dict[str, Any] | None:
    """What was noted of a decoded file; None unless it is whole and of just these pictures."""
    try:
        contents: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
        is_whole = path.stat().st_size == len(source.names) * source.row
        return contents if is_whole and contents["fingerprint"] == source.fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def decode(source: Source, path: Path) -> dict[str, Any]:
    """Decode all pictures into ``path``, beside and then renamed, and note what is in it."""
    mark = source.fingerprint
    part = path.with_suffix(f".{mark}.part")
    for old in path.parent.glob(f"{glob.escape(path.stem)}.*.part"):
        if old != part:  # of a decoding that was stopped, of pictures that have changed since
            old.unlink()
    needed = len(source.names) * source.row - (part.stat().st_size if part.exists() else 0)
    check_room(path.parent, needed, "set data.cache to another folder, or dataset.size lower")
    log.info("decoding %d photographs once, into %s", len(source.names), path)
    try:
        digests, unusable = fill(part, source)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    contents = {"fingerprint": mark, "unusable": unusable, "digests": digests}
    path.with_suffix(".json").unlink(missing_ok=True)  # of what is replaced
    part.replace(path)
    write_text(json.dumps(contents), path.with_suffix(".json"))
    return contents


def fill(part: Path, source: Source) -> tuple[list[str], dict[str, str]]:
    """Write a row for each picture, zeros for one that cannot be used; others there already stay.

    Returns:
        A digest for each, and reasons by the names of those that cannot be used.
    """
    part.touch()
    done = part.stat().st_size // source.row
    before = rows_of(part, done, source.size)
    nothing = torch.zeros(3, source.size, source.size, dtype=torch.uint8)

    def is_there(row: int) -> bool:
        return row < done and bool(before[row].any())

    def picture(row: int) -> tuple[Tensor, str] | UnusablePhotographError:
        try:
            rgb = before[row] if is_there(row) else source.read(source.names[row])
            return rgb, digest(rgb)
        except UnusablePhotographError as error:
            return error

    digests, unusable = [], {}
    rows = range(len(source.names))
    os.truncate(part, done * source.row)
    with part.open("r+b") as file:
        pictures = ahead(picture, rows, depth=2 * cores())
        for row, found in zip(rows, shown(pictures, READING, len(rows)), strict=True):
            if isinstance(found, UnusablePhotographError):
                unusable[source.names[row]] = str(found)
                found = (nothing, "")
            digests.append(found[1])
            if not is_there(row):  # one that could not be used before may be usable by now
                file.seek(row * source.row)
                file.write(found[0].numpy().tobytes())
        file.flush()
        os.fsync(file.fileno())
    return digests, unusable


def rows_of(path: Path, count: int, size: int) -> Tensor:
    """A file of uint8 pictures (count,3,size,size), mapped: read from disk as it is used."""
    if not count:
        return torch.empty(0, 3, size, size, dtype=torch.uint8)
    flat = torch.from_file(str(path), shared=False, size=count * 3 * size**2, dtype=torch.uint8)
    return flat.view(count, 3, size, size)
