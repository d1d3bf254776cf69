"""Several processes on the CPU, with gloo: what they share, and that they end as one does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from lightning_fabric.utilities.data import _set_sampler_epoch
from torch.utils.data import BatchSampler, DataLoader

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.data.batches import BatchShares, Shuffled
from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Train
from colorization.settings.compose import build
from colorization.training.colorizer import EpochMeans, load_colorizer
from colorization.training.run import build_parts, train
from tests.conftest import SMALL
from tests.support.command_line import PREPARED, environment, python
from tests.training.curves import curves

TWO = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"]
SAME = [  # what does not depend on the number of processes, but for the order of sums
    *(word for word in SMALL if word != "trainer=cpu"),
    *("trainer.accelerator=cpu", "trainer.precision=32-true", "augmentation=none"),
    *("network=unet", "network.width=8", "trainer.max_epochs=2"),
    *("dataset.train=11", "dataset.val=5", "dataset.test=5", "data.batch_size=4"),
]
EVERYTHING = [
    *("encoder=efficientnet_lite0", "objective=bins", "amplifier=residual", "perceptual=features"),
    *("adversary=patch", "adversary.begin=0.3", "trainer.ema=0.5", "flip_average=true"),
    "vivid=true",
]


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_in_all_processes_together_everything_comes_once(processes: int) -> None:
    for count, size in product(range(processes, 25), range(processes, 9)):
        everything_comes_once(count, size, processes)


def everything_comes_once(count: int, size: int, processes: int) -> None:
    ranks = [BatchShares(range(count), size, rank, processes) for rank in range(processes)]
    parts = [list(shares) for shares in ranks]
    (steps,) = {len(shares) for shares in ranks} | set(map(len, parts))
    joined = [sorted(index for part in step for index in part) for step in zip(*parts, strict=True)]
    assert [index for batch in joined for index in batch] == list(range(count))
    assert all(part for rank in parts for part in rank)
    assert [len(batch) for batch in joined] == [ranks[0].count(step) for step in range(steps)]
    assert all(len(batch) == size for batch in joined[:-1])
    for step, batch in enumerate(joined):
        means = [sum(part[step]) / len(part[step]) for part in parts]
        weighted = [rank.weight(step) * mean for rank, mean in zip(ranks, means, strict=True)]
        assert sum(weighted) / processes == pytest.approx(sum(batch) / len(batch))


def test_one_process_goes_through_batches_of_a_shuffled_order() -> None:
    order = Shuffled(11, seed=7)
    shares = BatchShares(order, 4)
    loader = DataLoader(range(11), batch_sampler=shares)
    seen = []
    for epoch in (0, 1, 0):
        _set_sampler_epoch(loader, epoch)  # as Lightning does
        assert order.epoch == epoch
        assert list(shares) == list(BatchSampler(order, 4, drop_last=False))
        seen.append(list(shares))
    assert seen[0] == seen[2] != seen[1]
    assert shares.weight(0) == shares.weight(2) == 1


def test_processes_draw_otherwise_and_the_first_as_one_alone(
    settings: Callable[..., Train],
) -> None:
    def drawn(rank: int, processes: int) -> torch.Tensor:
        _, data = build_parts(settings("augmentation=paper"))
        data.rank, data.processes = rank, processes
        data.trainer = Stage()  # type: ignore[assignment]
        pixels = torch.arange(3 * 16 * 16).remainder(256).byte().view(1, 3, 16, 16)
        return data.on_after_batch_transfer(pixels, 0).L

    assert torch.equal(drawn(0, 2), drawn(0, 1))
    assert not torch.equal(drawn(1, 2), drawn(0, 2))
    assert not torch.equal(drawn(1, 3), drawn(2, 3))


class Stage:
    """A trainer in its training stage."""

    global_step = 3
    estimated_stepping_batches = 10
    training = True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer.devices=2"], r"trainer\.devices and trainer\.nodes of more than one need train"),
        (
            ["trainer.nodes=2"],
            r"trainer\.devices and trainer\.nodes of more than one need trainer=",
        ),
        ([*TWO, "trainer.devices=0"], r"trainer\.devices is 0; it must be at least 1"),
        ([*TWO, "trainer.nodes=0"], r"trainer\.nodes is 0; it must be at least 1"),
        (["trainer.strategy=fsdp"], r"trainer\.strategy is 'fsdp'; it must be one of: auto, ddp"),
        (
            [*TWO, "data.batch_size=1"],
            r"data\.batch_size is 1, of all processes together; it must be at least 2, one photo",
        ),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(
    settings: Callable[..., Train], tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(settings(*words), tmp_path)
    assert not list(tmp_path.iterdir())


def test_fewer_photographs_than_processes_are_named(settings: Callable[..., Train]) -> None:
    _, data = build_parts(settings("dataset.val=2"))
    data.processes = 3
    with pytest.raises(InputError, match=r"3 processes need at least a val photograph each; synth"):
        data.setup("fit")


@pytest.mark.slow
def test_no_part_of_a_sweep(tmp_path: Path) -> None:
    done = python("src.train", "-m", *SAME, *TWO, cwd=tmp_path)
    assert done.returncode == 1
    (results,) = tmp_path.rglob("results.json")
    assert json.loads(results.read_text()) == {
        "error": "trainer=ddp cannot be part of a sweep; start its runs one by one"
    }


def close(folder: Path, other: Path) -> None:
    """Two runs differ by the order of sums alone.

    Scores and losses to a 10,000th. Adam divides by a gradient's size: where that is next to
    nothing a rounding may move a weight by the learning rate, 0.001. Predicted colours then differ
    by less than 0.001 levels on average, but a value on the edge between two levels of uint8 goes
    to the next one: the signed RGB difference, a sum of levels, differs by exactly those.
    """
    found, expected = (json.loads((f / "results.json").read_text()) for f in (folder, other))
    assert found.keys() == expected.keys()
    for name in ("epochs", "images_seen", "images", "near_gray", "best_epoch", "parameters"):
        assert found[name] == expected[name]
    for scores in ("val", "test"):
        assert found[scores].keys() == expected[scores].keys()
    # Of two colourfulnesses, so as near as those are; vivid brings it to nearly nothing.
    shifts = [run["val"].pop("colorfulness_shift") for run in (found, expected)]
    assert shifts[0] == pytest.approx(shifts[1], abs=1e-3)
    assert found["val"] == pytest.approx(expected["val"], rel=1e-4, abs=1e-4)
    moved = predict(folder) - predict(other)
    assert moved.abs().max() <= 1
    assert moved.ne(0).float().mean() < 0.005
    signed, expected_signed = (
        run["test"]["network"].pop("rgb_signed") for run in (found, expected)
    )
    assert signed - expected_signed == pytest.approx(-float(moved.sum()) / len(moved), abs=1e-3)
    near = 1e-4 * expected["test"]["network"]["colorfulness"]  # as above
    for name in ("colorfulness_shift", "colorfulness_error"):
        shifts = [run["test"]["network"].pop(name) for run in (found, expected)]
        assert shifts[0] == pytest.approx(shifts[1], abs=near)
    for predictor, scores in expected["test"].items():
        assert found["test"][predictor] == pytest.approx(scores, rel=1e-4, abs=1e-3), predictor
    mine, theirs = curves(folder), curves(other)
    assert mine.keys() == theirs.keys()
    for tag, values in theirs.items():
        if tag.startswith(("train/", "val/")) and tag != "train/images_per_second":
            assert mine[tag] == pytest.approx(values, rel=1e-4, abs=1e-4), tag
    weights, others = (
        read_checkpoint(f / "checkpoints" / "last.ckpt")["state_dict"] for f in (folder, other)
    )
    for name, weight in others.items():
        assert torch.allclose(weights[name], weight, rtol=0, atol=1e-3), name


def predict(folder: Path) -> torch.Tensor:
    """Colour a run's test photographs by its best network: levels of sRGB (N,3,H,W)."""
    results = json.loads((folder / "results.json").read_text())
    dataset = build(results["config"]["dataset"])
    names = [name for name in dataset.names("test") if name not in results["near_gray"]["test"]]
    L = rgb_to_lab(from_uint8(torch.stack([dataset.read(name, dataset.size) for name in names]))).L
    with torch.no_grad():
        ab = load_colorizer(folder / "checkpoints" / "best.ckpt").eval()(L)
    return to_uint8(lab_to_rgb(L, ab)).long()


def files(folder: Path) -> set[str]:
    """What a run left, but for what has the time in its name."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if "tfevents" not in path.name}


def two_processes(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ("src.train", *SAME, *TWO, f"hydra.run.dir={folder}", *words)
    return python(*command, cwd=folder.parent)


def test_two_processes_do_what_one_does(settings: Callable[..., Train], tmp_path: Path) -> None:
    pictures = "trainer.pictures_every=2"
    train(settings(*SAME, pictures), tmp_path / "one")
    done = two_processes(tmp_path / "two", pictures)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("run folder:") == 1
    close(tmp_path / "two", tmp_path / "one")
    of_the_command = {f"config/{name}.yaml" for name in ("config", "hydra", "overrides")}
    of_the_command |= {"train.log", ".lock", ".lock-shown"}
    assert files(tmp_path / "two") == files(tmp_path / "one") | of_the_command
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


def means_of(rank: int, folder: Path) -> None:
    """A process of two, which has seen one photograph more than the rank before it."""
    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    means = EpochMeans(["train/loss"])
    means["train/loss"].update(torch.tensor(1.0 + rank), 2 + rank)
    torch.save(means.sums(), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_an_epochs_means_go_on_in_several_processes(tmp_path: Path) -> None:
    processes = [PREPARED.Process(target=means_of, args=(rank, tmp_path)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    states = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert states == [{"train/loss": (torch.tensor(1.0 * 2 + 2.0 * 3), 5.0)}] * 2
    total = torch.zeros(2)
    for rank, sums in enumerate(states):
        means = EpochMeans(["train/loss"])
        if rank == 0:
            means.load(sums)
        means["train/loss"].update(torch.tensor(4.0), 3)
        total += torch.stack([means["train/loss"].total, means["train/loss"].weight])
    assert total.tolist() == [8 + 2 * 12, 5 + 2 * 3]


def test_a_process_that_waits_for_a_lost_one_in_vain_ends_with_a_line(tmp_path: Path) -> None:
    code = (
        "import subprocess, threading, time; from colorization.training import distributed\n"
        "distributed.LOOK = distributed.DYING = 0.1\n"
        "started = [subprocess.Popen(['sleep', '60']), subprocess.Popen(['false'])]\n"
        "threading.Thread(target=distributed.watch, args=(started, threading.Event())).start()\n"
        "time.sleep(60)"
    )
    (tmp_path / "waiting.py").write_text(code)
    done = python("waiting", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: process 2 of this run ended with status 1; this ends all\n"


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_told_once(tmp_path: Path) -> None:
    done = two_processes(tmp_path / "two", "optimizer.lr=1e37")
    assert done.returncode == 2
    order = [*Shuffled(11, seed=0)][4:8]
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: training diverged in epoch 1, step 2: loss nan, objective nan")
    found = line.partition("for the photographs ")[2].partition(";")[0].split(", ")
    assert sorted(found) == sorted(f"train_{index:05d}" for index in order)


@pytest.mark.slow
def test_every_piece_works_in_two_processes(settings: Callable[..., Train], tmp_path: Path) -> None:
    train(settings(*SAME, *EVERYTHING), tmp_path / "one")
    done = two_processes(tmp_path / "two", *EVERYTHING)
    assert done.returncode == 0, done.stderr
    close(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_two_processes_end_together_and_one_goes_on(
    settings: Callable[..., Train], tmp_path: Path, number: signal.Signals
) -> None:
    """SIGKILL for the second process, SIGTERM for the first, which says how to go on."""
    endless = [
        "trainer.max_epochs=100000",
        "trainer.patience=100000",
        f"hydra.run.dir={tmp_path}/r",
    ]
    command = [sys.executable, "-m", "src.train", *SAME, *TWO, *endless]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=-1, stderr=-1, text=True
    ) as running:
        last = tmp_path / "r" / "checkpoints" / "last.ckpt"
        patience = time.monotonic() + 120
        while not last.exists() and time.monotonic() < patience:
            time.sleep(0.2)
        (second,) = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(second) if number == signal.SIGKILL else running.pid, number)
        try:
            output, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    if number == signal.SIGKILL:
        assert running.returncode == 2
        assert errors == ("error: process 1 of this run ended with status -9; this ends all\n")
    else:
        assert running.returncode == 130
        assert output.count("go on with:") == 1
        assert errors == ""
    assert not Path(f"/proc/{second}").exists()
    assert files(tmp_path / "r") >= {"checkpoints/best.ckpt", "checkpoints/last.ckpt"}
    epochs = read_checkpoint(last)["epoch"] + 3
    words = [*SAME, f"trainer.max_epochs={epochs}", f"resume={last}"]
    assert train(settings(*words), tmp_path / "r")["epochs"] == epochs


SCRIPT = """
import os
from colorization.cli import train
from colorization.data.synthetic import SyntheticScenes
from colorization.errors import InputError

def prepare(self):
    with open("prepared", "a") as file:
        print(os.getpid(), file=file)

read = SyntheticScenes.read

def read_or_fail(self, name, size):
    if os.environ["FAILS"] == os.environ["RANK"]:
        raise InputError("no photographs here")
    return read(self, name, size)

SyntheticScenes.prepare, SyntheticScenes.read = prepare, read_or_fail
train.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["", "1"])
def test_torchrun(settings: Callable[..., Train], tmp_path: Path, fails: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "script.py"]
    done: Any = subprocess.run(
        [*command, *SAME, "trainer=ddp", "trainer.accelerator=cpu"],
        **{
            "cwd": tmp_path,
            "env": environment() | {"FAILS": fails},
            "capture_output": True,
            "text": True,
        },
    )
    assert len(set((tmp_path / "prepared").read_text().split())) == 1, "prepared once on a machine"
    (folder,) = (tmp_path / "outputs" / "synthetic").iterdir()
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    if fails:
        assert done.returncode != 0
        assert lines == ["error: process 1: no photographs here"]
        assert not list(folder.rglob("*.ckpt"))
    else:
        assert (done.returncode, lines) == (0, []), done.stderr
        train(settings(*SAME), tmp_path / "one")
        close(folder, tmp_path / "one")
    names = {path.name for path in tmp_path.iterdir()}
    assert names <= {"script.py", "prepared", "outputs", "one"}
