"""Folders of photographs, split by file names and settings alone, and several datasets as one."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from colorization.data.photographs import ImageDataset, few, read_photograph
from colorization.errors import InputError
from colorization.settings.compose import build

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
FORMATS = ", ".join(sorted(SUFFIXES))
FEWEST = 3  # one each for train, val and test


class PhotographFolder:
    """Photographs at any depth below ``root``, split into train, val and test.

    Args:
        name: of the dataset, in tables and folder names.
        root: folder.
        size: side in px of the centre square that is used.
        train, val, test: how many; None means a tenth of the files for val and test, and the rest
            for train.
        split_seed: another seed is another split.
        max_pixels: a file that claims more is not decoded.
    """

    def __init__(
        self,
        name: str,
        root: str,
        size: int,
        train: int | None,
        val: int | None,
        test: int | None,
        split_seed: int,
        max_pixels: int,
    ) -> None:
        self.name = name
        self.root = Path(root)
        self.photographs = self.root
        self.size = size
        self.counts = {"train": train, "val": val, "test": test}
        self.split_seed = split_seed
        self.max_pixels = max_pixels

    def prepare(self) -> None:
        """Check that the photographs are there.

        Raises:
            InputError: if the folder is missing.
        """
        if not self.root.is_dir():
            raise InputError(f"no folder {self.root}; set dataset.root or data_dir to where it is")

    def names(self, split: str) -> list[str]:
        """Return the names of the photographs of a split, or of ``all``."""
        return self.files[0] if split == "all" else self.split[split]

    def read(self, name: str, size: int | None) -> Tensor:
        """Read one photograph; sizes and errors as :func:`read_photograph`."""
        return read_photograph(self.photographs / name, size, self.max_pixels)

    def stamp(self, name: str) -> str:
        """Return size and time of the file, and the limit of its pixels."""
        file = (self.photographs / name).stat()
        return f"{file.st_size} {file.st_mtime_ns} {self.max_pixels}"

    @cached_property
    def files(self) -> tuple[list[str], list[str]]:
        """Names of the photographs and of the other files, listed once."""
        return list_files(self.photographs)

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Names of the files of each split, below the folder of the photographs.

        Raises:
            InputError: if there are fewer files than the counts ask for.
        """
        return self.make_split()

    def make_split(self) -> dict[str, list[str]]:
        """Split the files, and log which are passed over; :attr:`split` keeps the result."""
        names, others = self.files
        if others:
            log.info(
                "passed over %d files in %s that are not %s: %s",
                len(others),
                self.photographs,
                FORMATS,
                few(others),
            )
        if len(names) < FEWEST:
            raise InputError(
                f"{self.photographs} has too few photographs ({len(names)}); "
                f"{FEWEST} are needed at least: one to learn from, one for val, one for the test"
            )
        tenth = max(1, len(names) // 10)
        test = self.counts["test"] or tenth
        val = self.counts["val"] or tenth
        train = self.counts["train"] or max(1, len(names) - test - val)
        # Test first, so that it stays when fewer or more are trained on.
        counts = {"test": test, "val": val, "train": train}
        return deal(names, counts, self.split_seed, self.root)


class MixedDataset:
    """The photographs of several datasets, each split as it is split alone.

    Args:
        name: of the whole, in tables and folder names.
        size: side in px of the centre square that is used.
        parts: settings of each :class:`ImageDataset` by a name; photographs' names begin with it.

    Raises:
        InputError: if a part has another size.
    """

    def __init__(self, name: str, size: int, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.name = name
        self.size = size
        self.parts: dict[str, ImageDataset] = {part: build(of) for part, of in parts.items()}
        for part, dataset in self.parts.items():
            if dataset.size != size:
                raise InputError(
                    f"dataset.parts.{part}.size is {dataset.size}, but dataset.size {size}"
                )

    def prepare(self) -> None:
        """Fetch what is missing of each."""
        for dataset in self.parts.values():
            dataset.prepare()

    def names(self, split: str) -> list[str]:
        """Return the names of a split, or of ``all``."""
        return [
            f"{part}/{name}"
            for part, dataset in self.parts.items()
            for name in dataset.names(split)
        ]

    def read(self, name: str, size: int | None) -> Tensor:
        """Read one photograph by its own dataset."""
        part, _, rest = name.partition("/")
        return self.parts[part].read(rest, size)

    def stamp(self, name: str) -> str:
        """Return the stamp of one photograph by its own dataset."""
        part, _, rest = name.partition("/")
        return self.parts[part].stamp(rest)


def list_photographs(root: Path) -> list[str]:
    """List the names of picture files below a folder, sorted; hidden files are left out.

    Raises:
        InputError: if there are none.
    """
    return list_files(root)[0]


def list_files(root: Path) -> tuple[list[str], list[str]]:
    """List the names of the picture files and of the others, as :func:`list_photographs` does."""
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    every = sorted(f.as_posix() for f in files if not any(p.startswith(".") for p in f.parts))
    names = [name for name in every if Path(name).suffix.lower() in SUFFIXES]
    if not names:
        raise InputError(f"no photographs ({FORMATS}) in {root}")
    return names, [name for name in every if Path(name).suffix.lower() not in SUFFIXES]


def deal(
    names: Sequence[str], counts: Mapping[str, int], seed: int, source: Path
) -> dict[str, list[str]]:
    """Split names in the order of the hash of seed and name; the first split takes the first.

    Adding a file moves no more names between splits than it must.

    Raises:
        InputError: if the counts ask for more names than ``source`` has.
    """
    if sum(counts.values()) > len(names):
        asked = ", ".join(f"dataset.{split}={count}" for split, count in counts.items())
        raise InputError(f"{asked} do not fit the {len(names)} photographs of {source}")
    order = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(f"{seed}/{name}")).digest())
    split, start = {}, 0
    for name, count in counts.items():
        split[name] = sorted(order[start : start + count])
        start += count
    return split
