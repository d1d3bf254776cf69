"""Splits by file names and settings alone, and folders that cannot be used."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.folders import PhotographFolder, deal, list_photographs
from src.errors import InputError

NAMES = [f"{index:03d}.jpg" for index in range(100)]
COUNTS = {"test": 25, "val": 15, "train": 60}
NOWHERE = Path("nowhere")


def folder(root: Path, **settings: Any) -> PhotographFolder:
    defaults: dict[str, Any] = {
        "name": "mine",
        "size": 16,
        "train": None,
        "val": None,
        "test": None,
        "split_seed": 0,
        "max_pixels": 10**7,
    }
    return PhotographFolder(root=str(root), **{**defaults, **settings})


def test_splits_are_disjoint_and_of_the_sizes_asked_for() -> None:
    split = deal(NAMES, COUNTS, 0, NOWHERE)
    assert {name: len(part) for name, part in split.items()} == COUNTS
    assert sorted(itertools.chain(*split.values())) == NAMES


def test_split_does_not_depend_on_the_order_of_files_but_on_the_seed() -> None:
    first = deal(NAMES, COUNTS, 0, NOWHERE)
    assert deal(NAMES[::-1], COUNTS, 0, NOWHERE) == first
    assert deal(NAMES, COUNTS, 1, NOWHERE) != first


def test_fewer_training_photographs_leave_val_and_test_as_they_are(photographs: Path) -> None:
    many = folder(photographs, train=14).split
    few = folder(photographs, train=3).split
    assert (few["val"], few["test"]) == (many["val"], many["test"])
    assert set(few["train"]) < set(many["train"])


def test_null_counts_are_a_tenth_and_the_rest(photographs: Path) -> None:
    split = folder(photographs).split
    assert {name: len(part) for name, part in split.items()} == {"test": 2, "val": 2, "train": 16}


def test_too_many_are_refused_by_name(photographs: Path) -> None:
    message = r"dataset.test=2, dataset.val=2, dataset.train=90 do not fit the 20 photographs of"
    with pytest.raises(InputError, match=message):
        folder(photographs, train=90).load("train")


def test_two_photographs_are_too_few_to_split(photographs: Path) -> None:
    for path in sorted(photographs.rglob("*.png"))[2:]:
        path.unlink()
    message = r"dataset.test=1, dataset.val=1, dataset.train=1 do not fit the 2 photographs"
    with pytest.raises(InputError, match=message):
        folder(photographs).load("train")


def test_finds_pictures_at_any_depth_and_passes_over_the_rest(photographs: Path) -> None:
    (photographs / "notes.txt").write_text("x")
    (photographs / "folder.jpg").mkdir()
    (photographs / ".hidden").mkdir()
    (photographs / ".hidden" / "a.png").write_text("x")
    names = list_photographs(photographs)
    assert len(names) == 20
    assert "deeper/01.png" in names


def test_loads_a_split_the_same_every_time(photographs: Path) -> None:
    first, second = (folder(photographs).load("train") for _ in range(2))
    assert first.names == second.names
    assert first.pixels.shape == (16, 3, 16, 16)
    assert torch.equal(first.pixels, second.pixels)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*absent; set dataset.root or data_dir"):
        folder(tmp_path / "absent").prepare()


def test_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photographs \(.*\.jpeg.*\) in "):
        folder(tmp_path).load("train")


def test_folder_of_mostly_unusable_files_is_an_error(photographs: Path) -> None:
    mine = folder(photographs)
    for name in mine.split["train"][:9]:
        (photographs / name).write_text("no picture")
    with pytest.raises(InputError, match=r"only 7 of the 16 train photographs in .* can be used"):
        mine.load("train")
