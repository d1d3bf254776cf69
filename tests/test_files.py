"""Whole files or none."""

import errno
from pathlib import Path

import pytest
import torch
from PIL import Image

from src.callbacks import save_picture
from src.files import replacing, write_text
from src.saving import AtomicCheckpointIO


def test_replaces_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "a.txt"
    write_text("one", path)
    write_text("two", path)
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replacing(path) as beside:
        beside.write_text("half of tw")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_was_there_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text("one", path)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.txt"):
        write_half(path)
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weight": torch.ones(3)}, path)
    with pytest.raises(Exception, match="pickle"):
        AtomicCheckpointIO().save_checkpoint({"weight": lambda: None}, path)
    assert torch.load(path, weights_only=True)["weight"].tolist() == [1, 1, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_picture_is_what_was_saved(tmp_path: Path) -> None:
    save_picture(torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").getpixel((0, 0)) == (10, 20, 30)
