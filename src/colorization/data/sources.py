"""Fetch and split the paper's two datasets: faces and dogs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from scipy.io import loadmat

from colorization.data.download import digest_of_folder, fetch, unpack
from colorization.data.folders import PhotographFolder, deal, list_photographs
from colorization.errors import InputError

FACES_URL = "https://github.com/2014mchidamb/DeepColorization/archive/cc2638e.zip"
# GitHub packs archives on demand, so the photographs are checked and not the archive.
FACES_DIGEST = "2efffad18f31032b5088eb5f7d132fbd9bd8c15bca965b2457d6a34e0fbfcadf"

LONGEST_LIST = 1_000_000  # bytes; MATLAB's own packing makes at most 1,032 times as many of them
DOGS_URL = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
# Sizes in bytes and SHA-256, as TensorFlow Datasets lists them.
DOGS_ARCHIVES = {
    "lists.tar": (481_280, "34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c"),
    "images.tar": (793_579_520, "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"),
}


class Faces(PhotographFolder):
    """750 portraits of 128 x 128 px from the repository 2014mchidamb/DeepColorization (MIT)."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.photographs = self.root / "face_images"

    def prepare(self) -> None:
        """Fetch the portraits if they are not there; use an archive that you put in place."""
        if self.photographs.is_dir():
            return
        with open_archive(FACES_URL, self.root / "faces.zip") as archive:
            unpack(archive, "face_images", self.photographs, self.verify)

    @staticmethod
    def verify(folder: Path) -> None:
        """Raise InputError unless these are the 750 portraits."""
        if digest_of_folder(folder) != FACES_DIGEST:
            raise InputError(f"the photographs of {FACES_URL} are not the ones expected; try again")


class StanfordDogs(PhotographFolder):
    """Stanford Dogs (Khosla et al. 2011) with its official lists.

    val and train are taken from the official train list, test from the official test list. Files
    of the lists may be missing: a part of the dataset can be used.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.photographs = self.root / "Images"

    def prepare(self) -> None:
        """Fetch photographs and lists if they are not there; use archives that you put in place."""
        if not all(self.list_file(split).is_file() for split in ("train", "test")):
            with self.archive("lists.tar") as archive:
                unpack_lists(archive, self.root)
        if not self.photographs.is_dir():
            with self.archive("images.tar") as archive:
                unpack(archive, "Images", self.photographs, list_photographs)

    def archive(self, name: str) -> AbstractContextManager[Path]:
        return open_archive(DOGS_URL + name, self.root / name, *DOGS_ARCHIVES[name])

    def make_split(self) -> dict[str, list[str]]:
        present = set(list_photographs(self.photographs))
        learned, test = self.read_list("train", present), self.read_list("test", present)
        val = self.counts["val"] or max(1, len(learned) // 10)
        train = self.counts["train"] or max(1, len(learned) - val)
        asked = {"test": self.counts["test"] or len(test)}
        return {
            **deal(test, asked, self.split_seed, self.list_file("test")),
            **deal(learned, {"val": val, "train": train}, self.split_seed, self.list_file("train")),
        }

    def read_list(self, split: str, present: set[str]) -> list[str]:
        """Read the names of an official list whose files are present."""
        path = self.list_file(split)
        try:
            if path.stat().st_size > LONGEST_LIST:
                raise ValueError(f"it has more than {LONGEST_LIST:,} bytes")
            names = [str(row[0].item()) for row in loadmat(path)["file_list"]]
        except Exception as error:  # damaged bytes can raise anything
            raise InputError(f"{path} is not a list of Stanford Dogs; delete it") from error
        return sorted(name for name in names if name in present)

    def list_file(self, split: str) -> Path:
        return self.root / f"{split}_list.mat"


@contextmanager
def open_archive(
    url: str, path: Path, size: int | None = None, sha256: str | None = None
) -> Iterator[Path]:
    """Open an archive that was put in place, or fetch one and delete it afterwards."""
    placed = path.is_file()
    if not placed:
        fetch(url, path, size, sha256)
    try:
        yield path
    finally:
        if not placed:
            path.unlink()


def unpack_lists(archive: Path, root: Path) -> None:
    """Unpack the lists beside the photographs."""
    lists = root / "lists"
    unpack(archive, "", lists, list_mat_files)
    for path in list_mat_files(lists):
        path.replace(root / path.name)
    lists.rmdir()


def list_mat_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mat"))
