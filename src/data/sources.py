"""Where the paper's two kinds of photographs come from, and how they are split."""

from pathlib import Path
from typing import Any

from scipy.io import loadmat

from src.data.download import digest_of_folder, fetch, unpack
from src.data.folders import PhotographFolder, list_photographs, split_names
from src.errors import InputError

FACES_URL = "https://github.com/2014mchidamb/DeepColorization/archive/cc2638e.zip"
# GitHub packs archives on demand, so the photographs are checked and not the archive.
FACES_DIGEST = "2efffad18f31032b5088eb5f7d132fbd9bd8c15bca965b2457d6a34e0fbfcadf"

DOGS_URL = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
# Sizes in bytes and SHA-256, as TensorFlow Datasets lists them.
DOGS_ARCHIVES = {
    "lists.tar": (481_280, "34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c"),
    "images.tar": (793_579_520, "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58"),
}


class Faces(PhotographFolder):
    """750 portraits of 128 x 128 px, out of the MIT repository 2014mchidamb/DeepColorization."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.photographs = self.root / "face_images"

    def prepare(self) -> None:
        """Fetch the portraits if they are not there; an archive put in place by hand will do."""
        if self.photographs.is_dir():
            return
        archive = self.root / "faces.zip"
        fetched = fetch_missing(FACES_URL, archive)
        unpack(archive, "face_images", self.photographs, self.verify)
        if fetched:
            archive.unlink()

    @staticmethod
    def verify(folder: Path) -> None:
        """Raise InputError unless these are the 750 portraits."""
        if digest_of_folder(folder) != FACES_DIGEST:
            raise InputError(f"the photographs of {FACES_URL} are not the ones expected; try again")


class StanfordDogs(PhotographFolder):
    """Stanford Dogs (Khosla et al. 2011) with its official lists.

    val and train come out of the official train list, test out of the official test list. Lists
    may name files that are not there: a part of the dataset can be used.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.photographs = self.root / "Images"

    def prepare(self) -> None:
        """Fetch photographs and lists if they are not there; archives put in place will do."""
        if not all(self.list_file(split).is_file() for split in ("train", "test")):
            fetched = self.fetch("lists.tar")
            unpack_lists(self.root / "lists.tar", self.root)
            if fetched:
                (self.root / "lists.tar").unlink()
        if not self.photographs.is_dir():
            fetched = self.fetch("images.tar")
            unpack(self.root / "images.tar", "Images", self.photographs, list_photographs)
            if fetched:
                (self.root / "images.tar").unlink()

    def fetch(self, archive: str) -> bool:
        return fetch_missing(DOGS_URL + archive, self.root / archive, *DOGS_ARCHIVES[archive])

    def split(self) -> dict[str, list[str]]:
        test = self.listed("test")
        parts = {**self.counts, "test": 0}
        split = split_names(self.listed("train"), parts, self.split_seed, self.list_file("train"))
        wanted = self.counts["test"]
        if wanted is not None:
            rest = {"train": 0, "val": 0, "test": wanted}
            test = split_names(test, rest, self.split_seed, self.list_file("test"))["test"]
        return {**split, "test": test}

    def listed(self, split: str) -> list[str]:
        """Names below Images in an official list, as far as their files are there."""
        rows = loadmat(self.list_file(split))["file_list"]
        names = [str(row[0].item()) for row in rows]
        present = set(list_photographs(self.photographs))
        return sorted(name for name in names if name in present)

    def list_file(self, split: str) -> Path:
        return self.root / f"{split}_list.mat"


def fetch_missing(url: str, path: Path, size: int | None = None, sha256: str | None = None) -> bool:
    """Fetch a file unless it is there; True if it was fetched."""
    if path.is_file():
        return False
    fetch(url, path, size, sha256)
    return True


def unpack_lists(archive: Path, root: Path) -> None:
    """Unpack the lists beside the photographs."""
    lists = root / "lists"
    unpack(archive, "", lists, list_mat_files)
    for path in list_mat_files(lists):
        path.replace(root / path.name)
    lists.rmdir()


def list_mat_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mat"))
