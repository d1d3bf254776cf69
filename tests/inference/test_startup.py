"""Colouring one photograph starts quickly: slow packages that it does not need stay unread."""

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.support.command_line import ROOT

SLOW = ("timm", "torchvision", "pytorch_lightning", "torchmetrics", "pydantic", "matplotlib")
SLOW += ("scipy", "skimage", "rich.progress", "gradio", "optuna", "torch._dynamo")
COLOR_ONE = """
import sys
from colorization.inference.album import colorize_album
assert colorize_album(sys.argv[1], sys.argv[2]).colored == 1
print(*(name for name in sys.argv[3:] if name in sys.modules))
"""


def test_colouring_a_photograph_imports_no_slow_package(tmp_path: Path) -> None:
    Image.new("L", (40, 30), 90).save(tmp_path / "gray.png")
    words = [str(tmp_path / "gray.png"), str(tmp_path / "color.png"), *SLOW]
    done = subprocess.run(
        [sys.executable, "-c", COLOR_ONE, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert Image.open(tmp_path / "color.png").mode == "RGB"
