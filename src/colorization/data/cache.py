"""Load a dataset's split: into memory, or decoded once into a file that is mapped into memory."""

import errno
import glob
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from colorization.data.photographs import (
    READING,
    ImageDataset,
    Images,
    Source,
    UnusablePhotographError,
    digest,
    fingerprint,
    leave_out,
    load_in_memory,
    read_ahead,
)
from colorization.errors import InputError
from colorization.files.atomic import FOREVER, check_room, locked, write_text
from colorization.reports.progress import shown, telling
from colorization.settings.machine import cores

log = logging.getLogger(__name__)


class Cache(NamedTuple):
    """The folder of decoded pictures; splits of more than ``limit`` bytes go there."""

    folder: Path
    limit: float

    def path(self, settings: Mapping[str, Any], split: str) -> Path:
        """Return the file for a split of a dataset with these settings."""
        key = fingerprint([settings, split])[:16]
        return self.folder / f"{settings['name']}_{split}_{key}.uint8"


def load_split(dataset: ImageDataset, split: str, path: Path | None = None) -> Images:
    """Decode a split of a dataset into memory, or into a file at ``path`` that is mapped.

    Raises:
        InputError: if fewer than half of the photographs can be used.
    """
    source = Source.of_split(dataset, split)
    images = load_mapped(source, path) if path else load_in_memory(source)
    used, asked = len(images.names), len(source.names)
    if 2 * used < asked:
        raise InputError(
            f"only {used} of the {asked} {split} photographs in {dataset.name} can be used"
        )
    return images


def load_mapped(source: Source, path: Path) -> Images:
    """Map the pictures of ``source`` from ``path``; decode them into it first if needed.

    One process decodes; others that need the same file wait for it. A decoding that was stopped
    goes on. Pictures that cannot be used are named in a warning and left out.

    Raises:
        InputError: if the disk is too small, or a file cannot be read.
        OSError: if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path):
        contents = read_contents(path, source)
        if contents is None:
            contents = decode(source, path)
        pixels = map_rows(path, len(source.names), source.size)
    return leave_out(contents["unusable"], Images(list(source.names), pixels, contents["digests"]))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Lock ``path`` for this process; wait while another has it."""
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
    """Read the notes on a decoded file; None unless it is whole and of exactly these pictures."""
    try:
        contents: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
        is_whole = path.stat().st_size == len(source.names) * source.row
        return contents if is_whole and contents["fingerprint"] == source.fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def decode(source: Source, path: Path) -> dict[str, Any]:
    """Decode all pictures into a file beside ``path``, rename it, and note what is in it."""
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
    """Write a row for each picture that has none yet: zeros if it cannot be used.

    Returns:
        A digest of each picture, and the reasons by the names of those that cannot be used.
    """
    part.touch()
    done = part.stat().st_size // source.row
    before = map_rows(part, done, source.size)
    nothing = torch.zeros(3, source.size, source.size, dtype=torch.uint8)

    def is_there(row: int) -> bool:
        return row < done and bool(before[row].any())

    def picture(row: int) -> Tensor | UnusablePhotographError:
        return before[row] if is_there(row) else source.attempt(source.names[row])

    digests, unusable = [], {}
    rows = range(len(source.names))
    os.truncate(part, done * source.row)
    with part.open("r+b") as file:
        pictures = read_ahead(picture, rows, depth=2 * cores())
        for row, rgb in zip(rows, shown(pictures, READING, len(rows)), strict=True):
            if isinstance(rgb, UnusablePhotographError):
                unusable[source.names[row]] = str(rgb)
                rgb = nothing
            digests.append("" if rgb is nothing else digest(rgb))
            if not is_there(row):  # one that could not be used before may be usable by now
                file.seek(row * source.row)
                file.write(rgb.numpy().tobytes())
        file.flush()
        os.fsync(file.fileno())
    return digests, unusable


def map_rows(path: Path, count: int, size: int) -> Tensor:
    """Map a file of uint8 pictures (count,3,size,size): it is read from disk as it is used."""
    if not count:
        return torch.empty(0, 3, size, size, dtype=torch.uint8)
    flat = torch.from_file(str(path), shared=False, size=count * 3 * size**2, dtype=torch.uint8)
    return flat.view(count, 3, size, size)
