"""Trainings that are killed, run into a full disk, or diverge."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from src import train as command
from src.checkpoints import read_checkpoint
from src.config import build
from src.errors import InputError
from src.files import remove_half_written, replacing
from src.schemas.commands import Train
from src.train import build_parts, train
from tests.conftest import SMALL
from tests.test_commands import ROOT
from tests.test_train import curves

UNET = ["network=unet", "network.width=16"]
EPOCHS = 100
EVERYTHING = [
    *("encoder=efficientnet_lite0", "augmentation=flip", "objective=bins", "trainer.ema=0.9"),
    *("adversary=patch", "adversary.begin=0.3", "trainer.precision=bf16-mixed"),
]


def start(*words: str, limit: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "src.train", *SMALL, *UNET, *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limit,
    )


def resumed(run: Path) -> list[str]:
    last = run / "checkpoints" / "last.ckpt"
    return [f"resume={last}"] if last.is_file() else []


def wait(running: subprocess.Popen[str], is_time: Callable[[], bool]) -> bool:
    """Whether it became time before the process ended."""
    while running.poll() is None:
        if is_time():
            return True
        time.sleep(0.0005)
    return False


def kill_while_saving(running: subprocess.Popen[str], run: Path) -> bool:
    """SIGKILL in the middle of a checkpoint; whether something half-written shows it."""
    kept = run / "checkpoints"
    skipped = random.randrange(4)
    seen: set[tuple[str, int]] = set()

    def is_writing() -> bool:
        for path in kept.glob(f".writing-*.{running.pid}"):
            seen.add((path.name, path.stat().st_mtime_ns) if path.exists() else ("", 0))
        return len(seen) > skipped

    if wait(running, is_writing):
        running.kill()
    running.communicate()
    return any(kept.glob(f".writing-*.{running.pid}"))


def kill_at_random(running: subprocess.Popen[str], run: Path) -> None:
    """SIGKILL at a random moment of the first seconds of training, or of those before."""
    if random.random() < 0.8:
        wait(running, lambda: any(run.glob(f"tensorboard/*.{running.pid}.*")))
    end = time.monotonic() + random.uniform(0, 1.5)
    wait(running, lambda: time.monotonic() > end)
    running.kill()
    running.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choices", "kills"),
    [(["trainer.precision=32-true"], 24), (EVERYTHING, 8)],
    ids=["float32", "everything"],
)
def test_killed_runs_end_as_an_unbroken_one(tmp_path: Path, choices: list[str], kills: int) -> None:
    random.seed(0)
    words = ["dataset.train=48", "dataset.size=32", "data.batch_size=8", *choices]
    words += [f"trainer.max_epochs={EPOCHS}", f"trainer.patience={EPOCHS}"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    output = start(*words, f"hydra.run.dir={whole}").communicate()[0]
    assert (whole / "results.json").is_file(), output
    cut = 0
    for count in range(kills):
        running = start(*words, f"hydra.run.dir={broken}", *resumed(broken))
        if count % 2:
            cut += kill_while_saving(running, broken)
        else:
            kill_at_random(running, broken)
        assert running.returncode == -signal.SIGKILL, "it ended before it was killed"
        for path in broken.glob("checkpoints/*.ckpt"):
            read_checkpoint(path)
    assert cut, "none was killed while saving"
    reached = read_checkpoint(broken / "checkpoints" / "last.ckpt")["epoch"] + 1
    print(f"{kills} kills, {cut} while saving, in {reached} of {EPOCHS} epochs")
    output = start(*words, f"hydra.run.dir={broken}", *resumed(broken)).communicate()[0]
    assert (broken / "results.json").is_file(), output
    assert_alike(broken, whole)


def assert_alike(broken: Path, whole: Path) -> None:
    for name in ("last.ckpt", "best.ckpt"):
        one, two = (read_checkpoint(run / "checkpoints" / name) for run in (broken, whole))
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "val", "epoch"):
            torch.testing.assert_close(one[part], two[part], rtol=0, atol=0)
    one, two = (json.loads((run / "results.json").read_text()) for run in (broken, whole))
    for part in ("val", "test", "best_epoch", "epochs", "images_seen", "ended_by", "data"):
        assert one[part] == two[part], part
    assert not list(broken.rglob(".*")), "something half-written was left"
    ours, theirs = curves(broken), curves(whole)
    assert [tag for tag in theirs if "val/" in tag and ours[tag] != theirs[tag]] == []
    pictures = {path.name: path.read_bytes() for path in (whole / "pictures").iterdir()}
    assert {p.name: p.read_bytes() for p in (broken / "pictures").iterdir()} == pictures
