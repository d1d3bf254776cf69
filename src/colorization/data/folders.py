"""A folder of photographs, and its split by nothing but file names and settings."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from torch import Tensor

from colorization.data.photographs import Images, check_usable, read_photograph, read_photographs
from colorization.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}


class PhotographFolder:
    """Photographs at any depth below ``root``, split into train, val and test.

    Args:
        name: of the dataset, in tables and folder names.
        root: folder.
        size: side in px of the centre square that is used.
        train, val, test: how many; None is a tenth of the files for val and test, and what they
            leave for train.
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
        """Make sure that the photographs are there.

        Raises:
            InputError: if the folder is missing.
        """
        if not self.root.is_dir():
            raise InputError(f"no folder {self.root}; set dataset.root or data_dir to where it is")

    def load(self, split: str) -> Images:
        """Read the photographs of ``train``, ``val`` or ``test``.

        Raises:
            InputError: if there are fewer files than the counts ask for, or fewer than half of
                them can be used.
        """
        names = self.names(split)
        images = read_photographs(
            [self.photographs / name for name in names], names, self.size, self.max_pixels
        )
        check_usable(len(images.names), len(names), split, self.photographs)
        return images

    def names(self, split: str) -> list[str]:
        """Names of the photographs of a split, or of ``all`` that there are."""
        return list_photographs(self.photographs) if split == "all" else self.split[split]

    def read(self, name: str, size: int | None) -> Tensor:
        """One photograph; sizes and errors are those of :func:`read_photograph`."""
        return read_photograph(self.photographs / name, size, self.max_pixels)

    def stamp(self, name: str) -> str:
        """Size and time of the file, and the limit that it may be over."""
        file = (self.photographs / name).stat()
        return f"{file.st_size} {file.st_mtime_ns} {self.max_pixels}"

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Names of the files of each split, below the folder of the photographs."""
        return self.make_split()

    def make_split(self) -> dict[str, list[str]]:
        names = list_photographs(self.photographs)
        tenth = max(1, len(names) // 10)
        test = given(self.counts["test"], tenth)
        val = given(self.counts["val"], tenth)
        train = given(self.counts["train"], max(1, len(names) - test - val))
        # Test first, so that it stays when fewer or more are trained on.
        counts = {"test": test, "val": val, "train": train}
        return deal(names, counts, self.split_seed, self.root)


def given(count: int | None, default: int) -> int:
    return default if count is None else count


def list_photographs(root: Path) -> list[str]:
    """Relative names of the picture files below a folder, sorted; hidden ones are passed over.

    Raises:
        InputError: if there are none.
    """
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    files = (path.relative_to(root) for path in found if path.is_file())
    names = [file.as_posix() for file in files if not any(p.startswith(".") for p in file.parts)]
    if not names:
        raise InputError(f"no photographs ({', '.join(sorted(SUFFIXES))}) in {root}")
    return sorted(names)


def deal(
    names: Sequence[str], counts: Mapping[str, int], seed: int, source: Path
) -> dict[str, list[str]]:
    """Deal names out in the order of the hash of seed and name, the first split first.

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
