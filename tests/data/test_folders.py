"""Splits by file names and settings alone, and folders that cannot be used."""

import itertools
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from colorization.data.cache import load_split
from colorization.data.folders import PhotographFolder, deal, list_photographs
from colorization.errors import InputError
from tests.conftest import SMALL
from tests.support.command_line import python

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
        load_split(folder(photographs, train=90), "train")


def test_two_photographs_are_too_few_to_split(photographs: Path) -> None:
    for path in sorted(photographs.rglob("*.png"))[2:]:
        path.unlink()
    message = r"has too few photographs \(2\); 3 are needed at least: one to learn from"
    with pytest.raises(InputError, match=message):
        load_split(folder(photographs), "train")


def test_finds_pictures_at_any_depth_and_passes_over_the_rest(
    photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photographs / "notes.txt").write_text("x")
    (photographs / "folder.jpg").mkdir()
    (photographs / ".hidden").mkdir()
    (photographs / ".hidden" / "a.png").write_text("x")
    names = list_photographs(photographs)
    assert len(names) == 20
    assert "deeper/01.png" in names
    (photographs / "deeper" / "phone.HEIC").write_text("x")
    with caplog.at_level(logging.INFO):
        assert len(folder(photographs).names("train")) == 16
    said = (
        f"passed over 2 files in {photographs} that are not .jpeg, .jpg, .png, .tif, .tiff, .webp"
    )
    assert f"{said}: deeper/phone.HEIC, notes.txt" in caplog.text


def test_loads_a_split_the_same_every_time(photographs: Path) -> None:
    first, second = (load_split(folder(photographs), "train") for _ in range(2))
    assert first.names == second.names
    assert first.pixels.shape == (16, 3, 16, 16)
    assert torch.equal(first.pixels, second.pixels)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*absent; set dataset.root or data_dir"):
        folder(tmp_path / "absent").prepare()


def test_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no photographs \(.*\.jpeg.*\) in "):
        load_split(folder(tmp_path), "train")


def test_folder_of_mostly_unusable_files_is_an_error(photographs: Path) -> None:
    mine = folder(photographs)
    for name in mine.split["train"][:9]:
        (photographs / name).write_text("no picture")
    with pytest.raises(InputError, match=r"only 7 of the 16 train photographs in mine can be used"):
        load_split(mine, "train")


def test_names_need_not_be_utf_8(photographs: Path, tmp_path: Path) -> None:
    for index, path in enumerate(sorted(photographs.rglob("*.png"))):
        path.rename(photographs / os.fsdecode(b"\xff%d.png" % index))
    counts = {"train": 4, "val": 2, "test": 2}
    split = folder(photographs, **counts).split
    unusable, gray = split["train"][0], split["test"][0]
    (photographs / unusable).write_text("no picture")
    Image.open(photographs / gray).convert("L").save(photographs / gray)
    words = ["dataset=folder", f"dataset.root={photographs}", "hydra.run.dir=run"]
    trained = python("src.train", *SMALL, *words, cwd=tmp_path)
    escaped = unusable.replace("\udcff", "\\udcff")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert escaped in trained.stdout
    run = tmp_path / "run"
    assert f"{escaped}: not a picture" in (run / "train.log").read_text("utf-8")
    found = json.loads((run / "results.json").read_text("utf-8"))
    assert found["near_gray"]["test"] == [gray]
    assert found["images"] == {"train": 3, "val": 2, "test": 1}
