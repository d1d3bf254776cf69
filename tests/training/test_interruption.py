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

import pytest
import torch

from colorization.data.batches import Shuffled
from colorization.errors import InputError
from colorization.files.atomic import beside_prefix, remove_half_written
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Train
from colorization.training.run import train
from tests.conftest import SMALL
from tests.support.command_line import ROOT
from tests.training.curves import curves

UNET = ["network=unet", "network.width=16"]
FEW = [*UNET, "network.width=8", "scheduler=none", "trainer.precision=32-true"]
FEW.append("trainer.pictures_every=1")
EVERYTHING = [
    *("encoder=efficientnet_lite0", "augmentation=flip", "objective=bins", "trainer.ema=0.9"),
    *("adversary=patch", "adversary.begin=0.05", "trainer.precision=bf16-mixed"),
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
    last = run / "checkpoints" / "last.ckpt"
    end = time.monotonic() + random.uniform(0, 3)
    seen: set[int] = set()

    def is_time() -> bool:
        if last.exists():
            seen.add(last.stat().st_mtime_ns)
        return time.monotonic() > end or len(seen) > 4  # for the run not to end

    wait(running, is_time)
    running.kill()
    running.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choices", "epochs", "kills"),
    [(["trainer.precision=32-true"], 100, 24), (EVERYTHING, 40, 8)],
    ids=["float32", "everything"],
)
def test_killed_runs_end_as_an_unbroken_one(
    tmp_path: Path, choices: list[str], epochs: int, kills: int
) -> None:
    random.seed(0)
    words = ["dataset.train=48", "dataset.size=32", "data.batch_size=8", *choices]
    words += [f"trainer.max_epochs={epochs}", f"trainer.patience={epochs}"]
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
    print(f"{kills} kills, {cut} while saving, in {reached} of {epochs} epochs")
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
    assert not list(broken.rglob(".writing-*")), "something half-written was left"
    ours, theirs = curves(broken), curves(whole)
    assert [tag for tag in theirs if "val/" in tag and ours[tag] != theirs[tag]] == []
    pictures = {path.name: path.read_bytes() for path in (whole / "pictures").iterdir()}
    assert {p.name: p.read_bytes() for p in (broken / "pictures").iterdir()} == pictures


@pytest.fixture
def begun(settings: Callable[..., Train], tmp_path: Path) -> Path:
    """Two epochs of two steps."""
    train(settings(*FEW, "trainer.max_epochs=2"), tmp_path)
    return tmp_path


def files(run: Path) -> dict[str, bytes]:
    """Checkpoints and pictures."""
    kept = ("checkpoints", "pictures")
    return {str(path): path.read_bytes() for name in kept for path in (run / name).iterdir()}


def test_a_full_disk_leaves_the_checkpoint_before(
    begun: Path, settings: Callable[..., Train]
) -> None:
    before = files(begun)
    last = begun / "checkpoints" / "last.ckpt"
    more = settings(*FEW, "trainer.max_epochs=3", f"resume={last}")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (last.stat().st_size // 2, hard))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*/checkpoints/(best|last)\.ckpt'"):
            train(more, begun)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path: content for path, content in files(begun).items() if path in before} == before
    assert not list(begun.rglob(".*"))
    assert train(more, begun)["epochs"] == 3


@pytest.mark.parametrize("more", [[], ["trainer.checkpoint_every=1"]])
def test_a_loss_that_is_not_finite_is_named_and_the_checkpoints_before_are_kept(
    begun: Path, settings: Callable[..., Train], more: list[str]
) -> None:
    last = begun / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(last, weights_only=True)
    (rates,) = checkpoint["lr_schedulers"]
    rates["base_lrs"] = [3e37]
    for group in checkpoint["optimizer_states"][0]["param_groups"]:
        group["lr"] = 3e37
    torch.save(checkpoint, last)
    before = files(begun)
    with pytest.raises(InputError) as caught:
        train(settings(*FEW, "trainer.max_epochs=4", f"resume={last}", *more), begun)
    order = Shuffled(4, seed=0)
    order.set_epoch(2)
    second = ", ".join(f"train_{index:05d}" for index in [*order][2:])
    assert str(caught.value) == (
        f"training diverged in epoch 3, step 6: loss nan, objective nan, for the photographs "
        f"{second}; AdamW at lr=3e+37 in 32-true; lower optimizer.lr; what was saved "
        "before is kept"
    )
    assert files(begun) == before


def test_weights_that_the_last_step_spoilt_are_not_saved(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    words = ["data.batch_size=4", "optimizer=rmsprop", "optimizer.lr=1e38", "scheduler=none"]
    with pytest.raises(
        InputError, match=r"at the end of epoch 1: val/loss nan, .* what was saved before is kept"
    ):
        train(settings(*FEW, *words), tmp_path)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_what_was_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / f"{beside_prefix('a.png')}17").touch()
    (tmp_path / "deeper" / "a.png").touch()
    remove_half_written(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.png"]
