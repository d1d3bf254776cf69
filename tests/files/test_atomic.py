"""Whole files or none."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from colorization.errors import InputError
from colorization.files.atomic import LOCK, held, is_free, replacing, write_text
from colorization.settings.failures import one_line
from colorization.training.by_epoch import save_picture
from colorization.training.checkpoints import AtomicCheckpointIO
from tests.support.command_line import ROOT


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


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), replacing(tmp_path / "a.txt"):
        (tmp_path / "absent").read_text()


def test_a_library_that_does_not_say_so_meets_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of libvips and PyTorch, which raise errors of their own."""
    monkeypatch.setattr("colorization.files.atomic.NO_ROOM", 2**63)
    with pytest.raises(OSError) as caught, replacing(tmp_path / "a.png"):
        raise RuntimeError("write error")
    assert caught.value.errno == errno.ENOSPC
    assert one_line(caught.value) == (
        f"{tmp_path}/a.png: the disk is full; free some room, or set another path"
    )
    with pytest.raises(InputError, match="bad"), replacing(tmp_path / "a.png"):
        raise InputError("bad")


def test_errors_of_the_operating_system_are_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for act, words in (
        (lambda: (tmp_path / "absent").read_text(), "absent: there is no such file or folder; ch"),
        (lambda: tmp_path.write_text(""), f"{tmp_path.name}: this is a folder where a file is"),
        (lambda: (tmp_path / "file" / "a").mkdir(), "file: this is a file where a folder is"),
        (lambda: (tmp_path / "file").mkdir(), "file: this is a file where a folder is needed"),
        (lambda: tmp_path.mkdir(), f"{tmp_path.name}: this is there already; remove it, or set"),
        (lambda: (tmp_path / ("a" * 300)).touch(), "aaa: the name is too long; set a shorter one"),
        (lambda: Path("/dev/full").write_text("a" * 9), "the disk is full; free some room, or se"),
    ):
        with pytest.raises(OSError) as caught:
            act()
        assert words in one_line(caught.value)
        assert "Errno" not in one_line(caught.value)
    assert one_line(OSError("nobody answers")) == "nobody answers"


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


LOOKING = """
import sys, time
from pathlib import Path
from colorization.files.atomic import LOCK, is_free
print("ready", flush=True)
while True:
    is_free(Path(sys.argv[1], LOCK))
    time.sleep(0.001)
"""
HOLDING = """
import sys
from pathlib import Path
from colorization.files.atomic import held
with held(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_those_who_look_never_keep_one_from_starting(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    words = [sys.executable, "-c", LOOKING, str(tmp_path)]
    looking = [subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)]
    try:
        for process in looking:
            assert process.stdout
            process.stdout.readline()
        for _ in range(30):
            with held(tmp_path) as is_ours:
                assert is_ours
                assert not is_free(tmp_path / LOCK)
    finally:
        for process in looking:
            process.kill()
            process.wait()
    assert is_free(tmp_path / LOCK)


def test_a_lock_is_seen_from_another_process_until_that_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, cwd=ROOT, **pipes) as holding:
        assert holding.stdout
        assert holding.stdout.readline() == b"True\n"
        assert not is_free(tmp_path / LOCK)
        with held(tmp_path) as is_ours:
            assert not is_ours
        holding.kill()
    assert is_free(tmp_path / LOCK)


def test_a_look_writes_nothing(tmp_path: Path) -> None:
    assert is_free(tmp_path / "run" / LOCK)
    assert list(tmp_path.iterdir()) == []
