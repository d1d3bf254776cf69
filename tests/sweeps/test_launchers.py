"""Sweeps in several processes, by the launchers that the extras bring."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from omegaconf import OmegaConf

from colorization.settings.machine import cores
from colorization.sweeps.job import count_threads
from tests.conftest import SMALL
from tests.support.command_line import environment, python

SWEEP = ["src.train", "-m", *SMALL, "optimizer.lr=1e-4,1e-3"]
MANY = 200
JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(JOBLIB, marks=pytest.mark.slow),
        pytest.param(["hydra/launcher=submitit_local"], marks=pytest.mark.slow),
        pytest.param(["hydra/launcher=ray"], marks=pytest.mark.slow),
    ],
)
def test_two_processes_find_what_one_does(tmp_path: Path, launcher: list[str]) -> None:
    if "hydra/launcher=ray" in launcher:
        pytest.importorskip("ray")
    # A process of its own from the start, for the launchers end their workers as it ends.
    words = [sys.executable, "-m", *SWEEP, *launcher]
    subprocess.run(words, cwd=tmp_path, env=environment(), check=True)
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    found = [json.loads((sweep / n / "results.json").read_text()) for n in ("0", "1")]
    assert [run["config"]["optimizer"]["lr"] for run in found] == [1e-4, 1e-3]
    alone = python("src.train", *SMALL, "optimizer.lr=1e-3", "hydra.run.dir=alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    expected = json.loads((tmp_path / "alone" / "results.json").read_text())
    assert found[1]["test"] == expected["test"]


@pytest.mark.slow
def test_a_worker_that_dies_is_told_in_a_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        *SWEEP,
        "trainer.max_epochs=400",
        "trainer.patience=400",
        *JOBLIB,
    ]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as sweep:
        lasts: list[Path] = []
        patience = time.monotonic() + 120
        while len(lasts) < 2 and time.monotonic() < patience:
            time.sleep(0.2)
            lasts = list(tmp_path.glob("outputs/sweeps/*/*/checkpoints/last.ckpt"))
        workers = [
            p for p in psutil.Process(sweep.pid).children() if "loky" in " ".join(p.cmdline())
        ]
        os.kill(workers[-1].pid, signal.SIGKILL)
        complaint = sweep.communicate(timeout=120)[1]
    assert sweep.returncode == 2
    (line,) = [line for line in complaint.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: a worker of joblib died: ")
    assert line.endswith("; the same command goes on")
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.glob("outputs/sweeps/*/*/results.json"):
        assert json.loads(path.read_text())["config"]["resume"].endswith("last.ckpt")


def test_a_sweep_that_waits_for_a_dead_worker_in_vain_ends_with_a_line(tmp_path: Path) -> None:
    code = (
        "import subprocess, threading, time; from colorization.sweeps import launch\n"
        "launch.LOOK = launch.DYING = 0.1\n"
        "started = [subprocess.Popen(['sleep', '60']), subprocess.Popen(['true'])]\n"
        "print(started[0].pid, flush=True)\n"
        "threading.Thread(target=launch.watch_workers, args=(threading.Event(),)).start()\n"
        "time.sleep(60)"
    )
    (tmp_path / "waiting.py").write_text(code)
    done = python("waiting", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: a worker of joblib died; the same command goes on\n"
    assert not psutil.pid_exists(int(done.stdout)), "the other worker has ended too"


def results_of(folder: Path) -> dict[Path, int]:
    """When each run of a sweep has ended."""
    found = folder.glob("outputs/sweeps/*/*/results.json")
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "named", "status"),
    [
        (JOBLIB, "loky", 2),
        (["hydra/launcher=ray"], "ray::_run_job", 0),  # Ray starts what was lost again by itself
    ],
)
def test_a_worker_killed_amid_many_runs_loses_nothing_and_repeats_nothing(
    tmp_path: Path, launcher: list[str], named: str, status: int
) -> None:
    if "hydra/launcher=ray" in launcher:
        pytest.importorskip("ray")
    words = [sys.executable, "-m", "src.train", "-m", *SMALL, f"seed=range({MANY})", *launcher]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdout=-3, stderr=subprocess.PIPE, text=True
    ) as sweep:
        patience = time.monotonic() + 10 * MANY
        while len(results_of(tmp_path)) < MANY / 2 and time.monotonic() < patience:
            time.sleep(0.2)
        offspring = psutil.Process(sweep.pid).children(recursive=True)
        workers = [p for p in offspring if named in " ".join(p.cmdline())]
        os.kill(workers[-1].pid, signal.SIGKILL)
        complaint = sweep.communicate(timeout=60 + 10 * MANY)[1]
    assert sweep.returncode == status, complaint
    before = results_of(tmp_path)
    assert len(before) == MANY if status == 0 else MANY / 2 <= len(before) < MANY
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    after = results_of(tmp_path)
    assert after | before == after, "what had ended was not made again"
    seeds = [json.loads(path.read_text())["config"]["seed"] for path in after]
    assert sorted(seeds) == list(range(MANY))
    begun = [len(list(path.parent.glob("tensorboard/events*"))) for path in after]
    assert sum(count > min(begun) for count in begun) <= 2, "at most what the two workers had begun"


def test_threads_are_divided_among_concurrent_runs() -> None:
    many = 4 * cores()
    for launcher, runs, threads in (
        ({"n_jobs": 1}, many, cores()),
        ({"n_jobs": 2 * cores()}, many, 1),
        ({"n_jobs": -1}, many, 1),
        ({"n_jobs": -1}, 1, cores()),
        ({"cpus_per_task": 3}, many, 3),
        ({"ray": {"remote": {"num_cpus": 5}}}, many, 5),
        ({"ray": {"remote": {}}}, many, 1),
        ({}, many, None),
    ):
        assert count_threads(OmegaConf.create(launcher), runs) == threads, launcher
