"""What an evaluation leaves: whatever files are called, and for a report that follows it."""

import csv
import json
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from colorization.cli.evaluate import show
from colorization.evaluation.run import evaluate
from colorization.settings.commands import Evaluate
from tests.cli.test_commands import RESULTS
from tests.support.command_line import python

NAMES = ["<img src=x onerror=alert(1)>", "=HYPERLINK(1)", "a|b](javascript:alert(1))", "x\n|y|\n"]
RUN = "_odd [b] $x^^$ <i> [_/runs [red] $^$"


@pytest.mark.filterwarnings("error::UserWarning:matplotlib")
def test_names_stay_text_in_all_files_of_a_report(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    shutil.copytree(checkpoint.parent.parent, tmp_path / RUN)
    folder = tmp_path / "photos [2024] <b> |$x_{$"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        pixels = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        (folder / f"{name} broken.png").write_text("no picture")
    words = asked(tmp_path / RUN / "checkpoints" / "best.ckpt", "metrics=[mse]", "tracks=[own]")
    words.datasets = [str(folder)]
    found = evaluate(words, tmp_path / "e")
    show(found, tmp_path / "e")
    assert RUN in capsys.readouterr().out.replace("\n", "")
    page = (tmp_path / "e" / "report.html").read_text()
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert all(name.partition("\n")[0] in unescape(page) for name in NAMES)
    shown = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render((tmp_path / "e" / "report.md").read_text())
    )
    assert not {"<img", "<i>", "<a ", "<b>"} & set(shown.replace("<", " <").split())
    assert all(f"{name} broken.png".replace("\n", "\\n") in unescape(shown) for name in NAMES)
    assert RUN in unescape(shown)
    with (tmp_path / "e" / "scores.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(rows[0])}
    photographs = {row[3] for row in rows[1:]}
    assert photographs == {f"'{n}.png" if n[0] == "=" else f"{n}.png" for n in NAMES}


def test_readme_s_report_follows_its_evaluation(
    checkpoint: Path, evaluated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "synthetic").symlink_to(checkpoint.parent.parent.parent)
    (outputs / "evaluate").mkdir()
    (outputs / "evaluate" / "now").symlink_to(evaluated[0])
    given_up = {"pruned": "given up after epoch 1 of 9", "val": RESULTS["test"]["gray"]}
    for name, found in {"pruned": given_up, "failed": {"error": "no luck"}}.items():
        (outputs / name).mkdir()
        (outputs / name / "results.json").write_text(json.dumps(found))
    words = ("runs=[outputs/*/*/results.json,outputs/*/results.json]", "output=table.md")
    done = python("src.report", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "left out: outputs/evaluate/now/results.json is of src.evaluate, not of a run of src.train",
        "left out: outputs/failed/results.json is of a run which failed: no luck",
        "left out: outputs/pruned/results.json is of a run which was given up: given up after "
        "epoch 1 of 9",
    ]
    assert "| **synthetic/run** |" in (tmp_path / "table.md").read_text()
