"""Photographs decoded once into a mapped file: the same training, made anew when they change."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from colorization.data import cache as module
from colorization.data.cache import Cache, alone, fill, load_mapped, load_split
from colorization.data.datamodule import ColorDataModule
from colorization.data.photographs import Source, digest, read_photograph
from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.settings import machine as processes
from colorization.settings.commands import Train
from colorization.settings.compose import build, to_dict
from colorization.training.run import train
from tests.support.command_line import ROOT

# Hydra's overrides: everything is mapped.
MAPPED = "data.max_memory=0"


def datamodule(settings: Train, folder: Path) -> ColorDataModule:
    config = to_dict(settings)
    data = ColorDataModule(
        config["dataset"], config["augmentation"], settings.data.batch_size, 0, Cache(folder, 0)
    )
    data.setup("fit")
    return data


@pytest.fixture
def of_folder(settings: Callable[..., Train], photographs: Path) -> Callable[..., Train]:
    def composed(*overrides: str) -> Train:
        return settings("dataset=folder", f"dataset.root={photographs}", *overrides)

    return composed


def test_training_is_the_same_as_in_memory(
    of_folder: Callable[..., Train], photographs: Path, tmp_path: Path
) -> None:
    words = ["dataset.train=9", "dataset.val=5", "dataset.test=6", "trainer.max_epochs=2"]
    dataset = build(to_dict(of_folder(*words))["dataset"])
    for name in (dataset.names("val")[1], dataset.names("test")[0]):
        Image.open(photographs / name).convert("L").save(photographs / name)
    in_memory = train(of_folder(*words), tmp_path / "a")
    assert not (tmp_path / "cache").exists()
    assert all(in_memory["near_gray"].values())
    mapped = train(of_folder(*words, MAPPED, f"data.cache={tmp_path}/cache"), tmp_path / "b")
    assert len(list((tmp_path / "cache").glob("*.uint8"))) == 3
    for part in ("test", "val", "near_gray", "images", "images_seen"):
        assert mapped[part] == in_memory[part]
    a, b = (read_checkpoint(tmp_path / run / "checkpoints" / "last.ckpt") for run in "ab")
    assert a["ColorDataModule"] == b["ColorDataModule"]
    assert a["datamodule_hyper_parameters"] == b["datamodule_hyper_parameters"]
    assert all(
        torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in a["state_dict"]
    )


def count_reads(data: ColorDataModule, patch: pytest.MonkeyPatch) -> list[str]:
    read, names = data.dataset.read, []

    def counted(name: str, size: int | None) -> torch.Tensor:
        names.append(name)
        return read(name, size)

    patch.setattr(data.dataset, "read", counted)
    return names


def read_again(
    settings: Train, folder: Path, patch: pytest.MonkeyPatch
) -> tuple[ColorDataModule, int]:
    """What is there now, and how many photographs were decoded for it."""
    config = to_dict(settings)
    data = ColorDataModule(config["dataset"], config["augmentation"], 2, 0, Cache(folder, 0))
    names = count_reads(data, patch)
    data.load("train")
    return data, len(names)


def test_nothing_is_decoded_twice_until_something_changes(
    of_folder: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decoded(*overrides: str) -> int:
        return read_again(of_folder("dataset.train=12", *overrides), tmp_path, monkeypatch)[1]

    assert decoded() == 12
    assert decoded() == 0
    data, _ = read_again(of_folder("dataset.train=12"), tmp_path, monkeypatch)
    path = photographs / data.dataset.names("train")[3]
    before = path.stat()
    Image.new("RGB", (24, 24), (200, 30, 40)).save(path)
    assert decoded() == 12
    row = data.load("train").pixels[3]
    assert row.float().mean((1, 2)).tolist() == [200, 30, 40]
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert decoded() == 12, "another time"
    assert decoded("dataset.size=24") == 12
    assert decoded("dataset.max_pixels=1000") == 12
    assert decoded() == 0, "that of the first settings is still there"
    Image.new("RGB", (24, 24), "red").save(photographs / "new.png")
    split = data.dataset.names("train")
    fresh, count = read_again(of_folder("dataset.train=12"), tmp_path, monkeypatch)
    assert count == (0 if fresh.dataset.names("train") == split else 12)


def test_a_cut_or_unmarked_file_is_not_believed(
    of_folder: Callable[..., Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = of_folder("dataset.train=12")
    read_again(settings, tmp_path, monkeypatch)
    (path,) = tmp_path.glob("*.uint8")
    whole, marks = path.read_bytes(), path.with_suffix(".json")
    path.write_bytes(whole[:-1])
    assert read_again(settings, tmp_path, monkeypatch)[1] == 12
    marks.write_text(marks.read_text()[:-20])
    assert read_again(settings, tmp_path, monkeypatch)[1] == 12
    marks.unlink()
    assert read_again(settings, tmp_path, monkeypatch)[1] == 12
    assert path.read_bytes() == whole


def test_unusable_photographs_are_named_every_time(
    of_folder: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = of_folder("dataset.train=12")
    names = datamodule(settings, tmp_path / "other").dataset.names("train")
    (photographs / names[5]).write_text("no picture")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            images = datamodule(settings, tmp_path / "cache").images["train"]
        assert images.names == names[:5] + names[6:]
        assert f"left out {names[5]}: not a picture" in caplog.text
        assert "of 12 train photographs: left out 1 that cannot be used" in caplog.text
        in_memory = load_split(datamodule(settings, tmp_path / "cache").dataset, "train")
        assert torch.equal(images.pixels[:], in_memory.pixels[:])
        assert images.digests == in_memory.digests
    for name in names[:7]:
        (photographs / name).write_text("no picture")
    with pytest.raises(InputError, match="only 5 of the 12 train photographs in folder can be"):
        datamodule(settings, tmp_path / "cache")


@pytest.fixture
def stopped(photographs: Path, tmp_path: Path) -> tuple[Source, Path]:
    """Photographs by names alone, and where they were decoded to when it was stopped.

    The second could not be used then.
    """
    names = [f"{index:02d}.png" for index in range(0, 10, 2)]

    def read(name: str) -> torch.Tensor:
        return read_photograph(photographs / name, 16, 10**7)

    source, path = Source(names, names, read, 16), tmp_path / "few.uint8"
    second = photographs / names[1]
    whole = second.read_bytes()
    second.write_text("no picture")
    fill(path.with_suffix(f".{source.fingerprint}.part"), source)
    second.write_bytes(whole)
    return source, path


def test_what_can_be_used_after_all_is_there(stopped: tuple[Source, Path]) -> None:
    source, path = stopped
    images = load_mapped(source, path)
    assert images.names == source.names
    assert torch.equal(images.pixels[:], torch.stack([source.read(name) for name in images.names]))
    assert images.digests == [digest(rgb) for rgb in images.pixels[:]]


def test_what_cannot_be_read_for_now_is_not_left_out_for_ever(
    stopped: tuple[Source, Path], photographs: Path
) -> None:
    source, path = stopped
    second = photographs / source.names[1]
    second.rename(photographs / "elsewhere")
    with pytest.raises(InputError, match=rf"{second} cannot be read: No such file"):
        load_mapped(source, path)
    (photographs / "elsewhere").rename(second)
    assert load_mapped(source, path).names == source.names


LOAD = """
import logging, sys
from pathlib import Path
from colorization.data.cache import load_mapped
from colorization.data.photographs import Source, read_photograph
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
names = [str(index) for index in range(600)]
source = Source(names, names, lambda _: read_photograph(Path(sys.argv[1]), 64, 10**7), 64)
images = load_mapped(source, Path(sys.argv[2], "many.uint8"))
print(len(images.names), int(images.pixels[:].long().sum()), flush=True)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that takes long enough for a process to be met while it decodes it often."""
    path = tmp_path_factory.mktemp("large") / "0.png"
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def loading(large: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(large), str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_of_two_processes_one_decodes_and_a_killed_one_is_gone_on_with(
    large: Path, tmp_path: Path
) -> None:
    killed = loading(large, tmp_path)
    while not any(part.stat().st_size > 20_000 for part in tmp_path.glob("*.part")):
        assert killed.poll() is None, "it was too fast to be met"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not list(tmp_path.glob("*.uint8"))
    (part,) = tmp_path.glob("*.part")
    assert 0 < part.stat().st_size < 600 * 3 * 64 * 64
    part.write_bytes(part.read_bytes()[:-1])  # in the middle of a photograph
    both = [loading(large, tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("decoding 600 photographs once" in output for output in outputs) == 1
    with alone(tmp_path / "many.uint8"):
        waiting = loading(large, tmp_path)
        assert waiting.stdout
        assert waiting.stdout.readline().startswith("another run reads the same photographs; wait")
    again = waiting.communicate(timeout=120)[0]
    assert "decoding" not in again
    totals = {output.splitlines()[-1] for output in [*outputs, again]}
    assert len(totals) == 1
    assert totals.pop().startswith("600 ")
    assert not list(tmp_path.glob("*.part"))


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(
    of_folder: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left on device: .*folder_train_.*\.uint8"):
            datamodule(of_folder(), tmp_path / "cache")
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_a_disk_that_is_too_small_is_told_before(
    of_folder: Callable[..., Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=3 * 16 * 16 * 16 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    message = r"0\.0 GB more are needed in .*, where 0\.0 are free; set data\.cache to another"
    with pytest.raises(InputError, match=message):
        datamodule(of_folder("dataset.train=16"), tmp_path)
    free.free += 1
    datamodule(of_folder("dataset.train=16"), tmp_path)


def test_a_cache_that_cannot_be_made_is_named(
    of_folder: Callable[..., Train], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"\[Errno .*file"):
        datamodule(of_folder(), tmp_path / "file")


def test_memory_is_that_of_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GROUP_LIMIT", tmp_path / "absent")
    whole = processes.memory()
    assert whole > 2**28
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(processes, "GROUP_LIMIT", limit)
    limit.write_text("max\n")
    assert processes.memory() == whole
    limit.write_text(f"{2**27}\n")
    assert processes.memory() == 2**27
