"""Splits by file names and settings alone, and folders that cannot be used."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.folders import PhotographFolder, list_photographs, split_names
from src.errors import InputError

NAMES = [f"{index:03d}.jpg" for index in range(100)]
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


def counts(train: int | None, val: int | None, test: int | None) -> dict[str, int | None]:
    return {"train": train, "val": val, "test": test}


def test_splits_are_disjoint_and_of_the_sizes_asked_for() -> None:
    split = split_names(NAMES, counts(60, 15, 25), 0, NOWHERE)
    assert {name: len(part) for name, part in split.items()} == counts(60, 15, 25)
    assert sorted(itertools.chain(*split.values())) == NAMES


def test_split_does_not_depend_on_the_order_of_files_but_on_the_seed() -> None:
    first = split_names(NAMES, counts(60, 15, 25), 0, NOWHERE)
    assert split_names(NAMES[::-1], counts(60, 15, 25), 0, NOWHERE) == first
    assert split_names(NAMES, counts(60, 15, 25), 1, NOWHERE) != first


def test_fewer_training_photographs_leave_val_and_test_as_they_are() -> None:
    many = split_names(NAMES, counts(60, 15, 25), 0, NOWHERE)
    few = split_names(NAMES, counts(10, 15, 25), 0, NOWHERE)
    assert (few["val"], few["test"]) == (many["val"], many["test"])
    assert set(few["train"]) < set(many["train"])


def test_null_counts_are_a_tenth_and_the_rest() -> None:
    split = split_names(NAMES, counts(None, None, None), 0, NOWHERE)
    assert {name: len(part) for name, part in split.items()} == counts(80, 10, 10)


def test_too_many_are_refused_by_name() -> None:
    message = r"dataset.train=90, dataset.val=5 and dataset.test=10 do not fit the 100 photographs"
    with pytest.raises(InputError, match=message):
        split_names(NAMES, counts(90, 5, 10), 0, NOWHERE)


def test_finds_pictures_at_any_depth_and_passes_over_the_rest(photographs: Path) -> None:
    (photographs / "notes.txt").write_text("x")
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


def test_folder_of_unusable_files_is_an_error(tmp_path: Path) -> None:
    for index in range(10):
        (tmp_path / f"{index}.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"none of the 8 train photographs in .* is usable"):
        folder(tmp_path).load("train")
