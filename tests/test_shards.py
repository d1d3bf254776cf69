"""Shards: written as a whole, checked before use, streamed, gone on with in mid-epoch."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from src import shards as module
from src.checkpoints import read_checkpoint
from src.config import CONF, checked, plain, register
from src.data.datamodule import ColorDataModule
from src.data.shards import Shards, litdata
from src.errors import InputError
from src.schemas.commands import Train, WriteShards
from src.shards import write_shards
from src.train import train
from tests.command_line import python

FEW = 5 * 3 * 16 * 16  # bytes of a shard, a few photographs


def writing(*words: str) -> WriteShards:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        settings: WriteShards = checked(compose("shards", ["size=16", *words]))
    return settings


@pytest.fixture
def shards(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "SHARD", FEW)
    return write_shards(writing(f"input={photographs}", f"output={tmp_path}/shards", "train=13"))


@pytest.fixture
def streamed(settings: Callable[..., Train], shards: Path) -> Callable[..., Train]:
    def composed(*words: str) -> Train:
        return settings("dataset=shards", f"dataset.root={shards}", "augmentation=flip", *words)

    return composed


def datamodule(settings: Train) -> ColorDataModule:
    config = plain(settings)
    data = ColorDataModule(config["dataset"], config["augmentation"], settings.data.batch_size, 0)
    data.prepare_data()
    data.setup("fit")
    return data


def test_shards_hold_what_the_folder_gives(
    settings: Callable[..., Train], streamed: Callable[..., Train], photographs: Path
) -> None:
    words = ["dataset=folder", f"dataset.root={photographs}", "dataset.train=13"]
    folder = datamodule(settings(*words)).images
    data = datamodule(streamed())
    assert data.images["val"].names == folder["val"].names
    assert torch.equal(data.images["val"].pixels[:], folder["val"].pixels[:])
    order = [folder["train"].names.index(name) for name in data.images["train"].names]
    assert order != sorted(order), "shards are samples of all"
    assert sorted(order) == list(range(13))
    assert torch.equal(data.images["train"].pixels[:], folder["train"].pixels[order])
    assert torch.equal(data.images["train"].pixels[[2, 0]], folder["train"].pixels[order][[2, 0]])
    assert data.images["train"].digests == [folder["train"].digests[row] for row in order]
    name = folder["train"].names[0]
    assert torch.equal(data.dataset.read(name, 16), folder["train"].pixels[0])
    assert data.dataset.read(name, 24).shape == (3, 24, 24)
    assert len(data.dataset.names("all")) == 17


def test_an_epoch_has_every_photograph_once_in_an_order_of_its_own(
    streamed: Callable[..., Train],
) -> None:
    data = datamodule(streamed("data.batch_size=4"))
    assert len(data.dataset.splits["train"]["files"]) > 3  # type: ignore[attr-defined]

    def epochs() -> list[list[str]]:
        loader = data.train_dataloader()
        return [[str(rgb.sum().item()) for batch in loader for rgb in batch] for _ in range(2)]

    first, second = epochs()
    assert first != second
    assert sorted(first) == sorted(second)
    assert sorted(first) == sorted(str(rgb.sum().item()) for rgb in data.images["train"].pixels[:])
    assert [first, second] == epochs()


def test_what_is_left_out_is_named(
    photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (photographs / "00.png").write_text("no picture")
    with caplog.at_level(logging.WARNING):
        root = write_shards(writing(f"input={photographs}", f"output={tmp_path}/shards"))
    assert "left out 00.png: not a picture" in caplog.text
    dataset = Shards("shards", str(root), 16)
    dataset.prepare()
    assert len(dataset.names("all")) == 19


def largest(folder: Path) -> Path:
    return max(folder.glob("*.bin"), key=lambda path: path.stat().st_size)


def test_shards_that_are_not_as_they_were_written_are_one_line(shards: Path) -> None:
    def prepare(size: int = 16) -> None:
        Shards("shards", str(shards), size).prepare()

    prepare()
    path = largest(shards / "train")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    cut = rf"{path} has {len(whole) - 1} bytes instead of {len(whole)}; copy it again, or write the"
    with pytest.raises(InputError, match=cut):
        prepare()
    path.unlink()
    with pytest.raises(InputError, match=rf"{path} is missing; copy it again, or write the shards"):
        prepare()
    path.write_bytes(whole)
    prepare()
    with pytest.raises(InputError, match=r"the shards in .* are of 16 px; set dataset\.size=16"):
        prepare(24)
    index = shards / "shards.json"
    text = index.read_text()
    index.write_text(json.dumps({**json.loads(text), "version": 9}))
    with pytest.raises(InputError, match=r"shards\.json is of version 9, not 1; copy it again"):
        prepare()
    index.write_text(text[:-9])
    with pytest.raises(InputError, match=r"shards\.json is damaged; copy it again"):
        prepare()
    index.unlink()
    with pytest.raises(InputError, match=r"no shards in .*: it has no shards\.json; set dataset\."):
        prepare()


def test_writing_is_all_or_nothing(
    photographs: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="shards is there already; remove it, or set output to"):
        write_shards(writing(f"input={photographs}", f"output={shards}"))
    with pytest.raises(InputError, match=r"dataset\.train=90 do not fit the 20 photographs"):
        write_shards(writing(f"input={photographs}", f"output={tmp_path}/other", "train=90"))

    class Full(dict[int, Any]):
        def __setitem__(self, row: int, _: object) -> None:
            if row == 3:
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(litdata().streaming, "Cache", lambda *_, **__: Full())
    words = [f"input={photographs}", f"output={tmp_path}/other"]
    with pytest.raises(OSError, match=r"No space left on device: .*other"):
        write_shards(writing(*words))
    monkeypatch.undo()
    left = tmp_path / f"{module.beside_prefix('other')}{2**22 + 1}"  # of a process that is gone
    left.mkdir()
    write_shards(writing(*words))
    assert {path.name for path in tmp_path.iterdir()} == {"photographs", "shards", "other"}


def test_a_run_on_shards_trains_and_resumes(streamed: Callable[..., Train], tmp_path: Path) -> None:
    results = train(streamed("trainer.max_epochs=2"), tmp_path / "run")
    assert results["images_seen"] == 2 * 13
    assert results["images"] == {"train": 13, "val": 2, "test": 2}
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert len(read_checkpoint(last)["ColorDataModule"]["seen"]) == 15
    again = train(streamed("trainer.max_epochs=2", f"resume={last}"), tmp_path / "run")
    assert again["test"] == results["test"]


def test_a_stream_goes_on_where_the_shards_have_been_moved_to(
    streamed: Callable[..., Train], shards: Path, tmp_path: Path
) -> None:
    data = datamodule(streamed())
    whole = [batch.sum((1, 2, 3)).tolist() for batch in data.train_dataloader()]
    loader = data.train_dataloader()
    batches = iter(loader)
    assert [next(batches).sum((1, 2, 3)).tolist() for _ in range(3)] == whole[:3]
    state = data.state_dict()
    shards.rename(tmp_path / "moved")
    moved = datamodule(streamed(f"dataset.root={tmp_path}/moved"))
    moved.load_state_dict(state)
    assert [batch.sum((1, 2, 3)).tolist() for batch in moved.train_dataloader()] == whole[3:]


def test_the_command_writes_and_says_where(photographs: Path, tmp_path: Path) -> None:
    done = python("src.shards", f"input={photographs}", "output=new", "size=16", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "written: new\n"), done.stderr
    assert not done.stderr
