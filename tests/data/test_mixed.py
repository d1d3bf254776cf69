"""Several datasets as one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from colorization.data.cache import load_split
from colorization.errors import InputError
from colorization.models.checkpoints import locate_dataset
from colorization.settings.compose import build

MIXED = "colorization.data.folders.MixedDataset"


def parts(photographs: Path, size: int = 16) -> dict[str, Any]:
    counts = {"train": 3, "val": 2, "test": 2}
    scenes = {
        "_target_": "colorization.data.synthetic.SyntheticScenes",
        "name": "s",
        "size": 16,
        "seed": 0,
    }
    folder = {"_target_": "colorization.data.folders.PhotographFolder", "name": "f", "size": size}
    folder |= {"root": str(photographs), "split_seed": 0, "max_pixels": 10**6}
    return {"scenes": scenes | counts, "folder": folder | counts}


def test_photographs_are_those_of_the_parts_as_they_are_split(photographs: Path) -> None:
    settings = parts(photographs)
    mixed = build({"_target_": MIXED, "name": "mixed", "size": 16, "parts": settings})
    alone = {name: build(part) for name, part in settings.items()}
    mixed.prepare()
    for split in ("train", "val", "test"):
        found = load_split(mixed, split)
        expected = [f"{name}/{photo}" for name, d in alone.items() for photo in d.names(split)]
        assert found.names == expected == mixed.names(split)
        pixels = torch.cat([load_split(dataset, split).pixels[:] for dataset in alone.values()])
        assert torch.equal(found.pixels, pixels)
        assert torch.equal(mixed.read(found.names[-1], 16), pixels[-1])
    assert len(mixed.names("all")) == 2 + 20


def test_parts_of_another_size_are_refused(photographs: Path) -> None:
    with pytest.raises(
        InputError, match=r"dataset\.parts\.folder\.size is 24, but dataset\.size 16"
    ):
        build({"_target_": MIXED, "name": "m", "size": 16, "parts": parts(photographs, 24)})


def test_parts_are_found_where_the_data_is_now() -> None:
    faces = {
        "_target_": "colorization.data.sources.Faces",
        "name": "faces",
        "root": "/elsewhere/faces",
    }
    there = {"parts": {"faces": faces, "synthetic": {}}}
    assert locate_dataset(there, "data", None)["parts"]["faces"]["root"] == "data/faces"
    assert there["parts"]["faces"]["root"] == "/elsewhere/faces"


@pytest.mark.parametrize("name", ["folder", "faces", "mine"])
def test_a_folder_that_only_a_checkpoint_names_is_not_read(photographs: Path, name: str) -> None:
    there = {"parts": {"a": parts(photographs)["folder"] | {"name": name}}}
    words = f"is read only if you name it: evaluate with datasets={photographs}"
    with pytest.raises(InputError, match=words):
        locate_dataset(there, "data", [str(photographs / "deeper")])
    assert locate_dataset(there, "data", [f"{photographs}/deeper/.."]) == there


def test_photographs_in_another_data_dir_are_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "there" / "faces").mkdir(parents=True)
    faces = {"_target_": "colorization.data.sources.Faces", "name": "faces"}
    faces["root"] = str(tmp_path / "there" / "faces")
    message = f"faces is not in {tmp_path}/here, but in {tmp_path}/there; set data_dir to that"
    with pytest.raises(InputError, match=message):
        locate_dataset(faces, f"{tmp_path}/here", None)
    assert locate_dataset(faces, f"{tmp_path}/there", None) == faces
