"""A folder of photographs, and its split by nothing but file names and settings."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from src.data.photographs import Images, read_photographs
from src.errors import InputError

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
            InputError: if there are fewer files than the counts ask for, or none can be used.
        """
        names = self.split()[split]
        images = read_photographs(
            [self.photographs / name for name in names], names, self.size, self.max_pixels
        )
        if not images.names:
            raise InputError(
                f"none of the {len(names)} {split} photographs in {self.root} is usable"
            )
        return images

    def split(self) -> dict[str, list[str]]:
        """File names below root by split, each sorted."""
        names = list_photographs(self.photographs)
        return split_names(names, self.counts, self.split_seed, self.root)


def list_photographs(root: Path) -> list[str]:
    """Relative names of the picture files below a folder, sorted; hidden ones are passed over.

    Raises:
        InputError: if there are none.
    """
    files = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = [file.as_posix() for file in files if not any(p.startswith(".") for p in file.parts)]
    if not names:
        raise InputError(f"no photographs ({', '.join(sorted(SUFFIXES))}) in {root}")
    return sorted(names)


def split_names(
    names: Sequence[str], counts: Mapping[str, int | None], seed: int, root: Path
) -> dict[str, list[str]]:
    """Deal names out by the hash of seed and name: adding a file moves no other between splits,
    as long as the counts are given.

    Raises:
        InputError: if the counts ask for more names than there are, or leave a split empty.
    """
    tenth = max(1, len(names) // 10)
    test = tenth if counts["test"] is None else counts["test"]
    val = tenth if counts["val"] is None else counts["val"]
    train = len(names) - val - test if counts["train"] is None else counts["train"]
    if train < 0 or train + val + test > len(names):
        raise InputError(
            f"dataset.train={train}, dataset.val={val} and dataset.test={test} do not fit the "
            f"{len(names)} photographs in {root}"
        )
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    # Test first, so that the test set stays when fewer or more are trained on.
    return {
        "test": sorted(order[:test]),
        "val": sorted(order[test : test + val]),
        "train": sorted(order[test + val : test + val + train]),
    }
