"""An album of 3,000 small pictures with 30 bad ones: memory, status, a second run, kills."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorization.models.registry import find_model
from tests.support.command_line import ROOT

COUNT, BAD, KILLS = 3000, 30, 20
GRAPH = find_model("default") / "model.onnx"
PEAK = """
import resource, sys
from colorization.inference.album import colorize_album
album = colorize_album(*sys.argv[1:3], model=sys.argv[3], size=48)
print(album.colored, len(album.failed), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_album(folder: Path, count: int, bad: int) -> None:
    folder.mkdir()
    chance = np.random.default_rng(0)
    for index in range(count):
        coarse = chance.integers(0, 256, (4, 5), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((60, 48), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:04d}.png", compress_level=1)
    for index in range(bad):
        path = folder / f"{index * (count // bad):04d}.png"
        path.write_bytes(path.read_bytes()[:60])


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


def peak(folder: Path, output: Path) -> list[int]:
    """Numbers coloured and failed, and the peak of memory in KiB, of a process of its own."""
    words = [sys.executable, "-c", PEAK, str(folder), str(output), str(GRAPH)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.splitlines()[-1].split()]


@pytest.mark.slow
def test_memory_is_flat_and_bad_ones_are_named(tmp_path: Path) -> None:
    write_album(tmp_path / "few", 300, 3)
    write_album(tmp_path / "many", COUNT, BAD)
    few = peak(tmp_path / "few", tmp_path / "out_few")
    many = peak(tmp_path / "many", tmp_path / "out_many")
    assert few[:2] == [297, 3]
    assert many[:2] == [COUNT - BAD, BAD]
    assert many[2] - few[2] < 60_000, "KiB"
    command = [sys.executable, "-m", "colorization.cli.main", "colorize", str(tmp_path / "many"),
               "-o", str(tmp_path / "out_many"), "--model", str(GRAPH), "--size", "48"]  # fmt: skip
    start = time.monotonic()
    again = subprocess.run([*command, "--existing", "skip"], env=environment(),
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert time.monotonic() - start < 15
    assert again.returncode == 1
    assert f"failed: {BAD}" in again.stderr
    assert again.stderr.count(".png: ") == BAD
    assert f"0 coloured, 0 in their own colours, {COUNT - BAD} left" in again.stdout


@pytest.mark.slow
def test_killed_twenty_times_nothing_is_half_written_and_nothing_coloured_twice(
    tmp_path: Path,
) -> None:
    write_album(tmp_path / "in", 1500, 15)
    out = tmp_path / "out"
    words = [sys.executable, "-m", "colorization.cli.main", "colorize", str(tmp_path / "in"),
             "-o", str(out), "--model", str(GRAPH), "--size", "48"]  # fmt: skip
    chance, seen = random.Random(0), {}
    for _ in range(KILLS):
        running = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(chance.uniform(1, 4))
        running.send_signal(signal.SIGKILL)
        running.wait()
        for path in out.glob("*.png"):
            moment = path.stat().st_mtime_ns
            assert seen.setdefault(path.name, moment) == moment, "coloured twice"
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2), done.stderr
    for name, moment in seen.items():
        assert (out / name).stat().st_mtime_ns == moment
        Image.open(out / name).load()
    results = {path.name for path in out.iterdir()}
    assert len(results) == 1485, "neither journal nor leftovers"
