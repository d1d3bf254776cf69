"""A wheel, installed without PyTorch: it colours, takes hints, and says what needs more."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import ROOT
from tests.support.light import WITHOUT

MOST = 250_000_000  # bytes
COLD = 3  # s of the CPU, which others may be using at the same time
GRAY = np.linspace(20, 230, 96 * 128).reshape(96, 128).astype(np.uint8)
NO_PAGE = "error: the page needs gradio: pip install 'colorization[app]'\n"


def write_photograph(folder: Path) -> None:
    Image.fromarray(GRAY).save(folder / "old.png")
    hint = {"color": "#c83232", "size": 9, "points": [[64, 48]]}
    about = {"version": 1, "width": 128, "height": 96, "hints": [hint]}
    (folder / "hints.json").write_text(json.dumps(about))


def colour_and_check(command: list[str], folder: Path) -> float:
    """Colour a photograph, plain and with a hint; return the CPU's seconds for the first one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "colorize", "old.png", "-o", "new.png"], cwd=folder, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    hinted = ["colorize", "old.png", "-o", "hinted.png", "--hints", "hints.json"]
    subprocess.run([*command, *hinted], cwd=folder, check=True)
    pixels = [np.asarray(Image.open(folder / name)) for name in ("new.png", "hinted.png")]
    plain, red = (values.astype(int) for values in pixels)
    assert np.ptp(plain, axis=2).mean() > 5, "it has colours"
    difference = (red - plain)[40:56, 56:72, 0].mean()
    assert difference > 20, "redder where the hint is"
    done = subprocess.run(
        [*command, "train"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'colorization[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    return seconds


def test_colouring_needs_no_pytorch(tmp_path: Path) -> None:
    write_photograph(tmp_path)
    colour_and_check([sys.executable, "-c", WITHOUT], tmp_path)


@pytest.mark.slow
def test_the_wheel_colours_in_a_light_environment(tmp_path: Path) -> None:
    write_photograph(tmp_path)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    uv, light = [sys.executable, "-m", "uv"], tmp_path / "light"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(light)], check=True)
    python = light / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(python), str(wheel)], check=True
    )
    size = sum(path.stat().st_size for path in light.rglob("*") if not path.is_symlink())
    assert size < MOST
    assert not list(light.rglob("torch"))
    command = str(light / "bin" / "colorization")
    assert colour_and_check([command], tmp_path) < COLD
    done = subprocess.run([command, "app"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, NO_PAGE)
    page = [*uv, "pip", "install", "--dry-run", "--python", str(python), f"{wheel}[app]"]
    added = subprocess.run(page, check=True, capture_output=True, text=True).stderr
    assert " + gradio==" in added
    assert " + torch==" not in added
