"""The leaderboard: what it trains, skips, resumes and shows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Leaderboard
from colorization.settings.compare import Wanted
from colorization.settings.compose import CONF, checked, register
from colorization.sweeps import leaderboard as command
from colorization.sweeps.leaderboard import Run, leaderboard, made, wanted_of
from colorization.sweeps.standings import MARK, Standing, Summary, tables
from tests.conftest import SMALL

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = [word for word in SMALL if not word.startswith("dataset.train")]


def quoted(words: list[str]) -> str:
    """As the leaderboard's setting ``overrides``."""
    return "overrides=[" + ",".join(f"'{word}'" for word in words) + "]"


def scores(mse: float) -> dict[str, float]:
    return {
        "mse": mse,
        "psnr": 30.0,
        "ciede2000": 5.0,
        "colorfulness": 20.0,
        "colorfulness_shift": -3.0,
    }


def result(mse: float, encoder: dict[str, Any] | None = None) -> dict[str, Any]:
    baselines = ("gray", "mean", "L table", "(position, L) table", "nearest neighbour")
    return {
        "test": {**{name: scores(0.01) for name in baselines}, "network": scores(mse)},
        "config": {"network": {"encoder": encoder}},
        "parameters": 1234567,
        "minutes": 2.0,
        "images_seen": 8000,
    }


def test_summary_is_the_mean_and_the_sample_deviation() -> None:
    assert Summary([1.0, 2.0, 4.5]).text("{:.2f}") == "2.50 ± 1.80"
    assert Summary([-1.0, -3.0]).text("{:+.1f}") == "-2.0 ± 1.4"
    assert Summary([1.0]).text("{:.2f}") == "1.00"


def test_table_has_baselines_the_paper_s_figure_and_recipes() -> None:
    found = {"first": [result(0.008), result(0.006)], "second": [result(0.009)]}
    lines = tables([Standing("dogs", 400, found)]).splitlines()
    start = lines.index("### dogs, 400 photographs")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[start + 2 :]]
    assert [row[0] for row in rows[2:]] == [
        *("gray", "mean", "L table", "(position, L) table", "nearest neighbour"),
        "truth",
        "the paper, on its own photographs",
        "**first**",
        "**second**",
    ]
    assert rows[7][2:] == ["-", "-", "-", "23.0", "-", "", "", "", ""], "20.0 with a shift of -3.0"
    assert rows[8][2] == "0.0076965"
    assert rows[9][1:4] == ["2", "0.007000 ± 0.001414", "30.00 ± 0.00"]
    assert rows[9][7:] == ["30.0% ± 14.1%", "1,234,567", "2.0 ± 0.0", "8,000"]
    assert rows[10][1:3] == ["1", "0.009000"]
    assert len({len(row) for row in rows}) == 1


def test_table_names_failures_and_the_rest_stands() -> None:
    found = {"good": [result(0.008)], "bad": [{"error": "no luck"}], "none": []}
    found["some"] = [result(0.007), {"error": "no luck"}]
    text = tables([Standing("faces", 200, found)])
    assert "| **bad** | 0 | failed: no luck |" in text
    assert "| **some** | 1 of 2, failed: no luck | 0.007000 |" in text
    assert "| **none** | 0 |  |" in text
    assert "| **good** | 1 | 0.008000 |" in text
    only = tables([Standing("faces", 200, {"bad": [{"error": "no luck"}]})])
    assert "No run has ended yet.\n- bad failed: no luck" in only


def test_encoders_that_have_seen_the_photographs_are_marked() -> None:
    found = {
        "scratch": [result(0.008)],
        "pretrained": [result(0.007, {"name": "x", "weights": "hub"})],
    }
    dogs = tables([Standing("dogs", 400, found)])
    assert f"**pretrained{MARK}**" in dogs
    assert f"**scratch{MARK}**" not in dogs
    more = Standing("dogs", 900, {"pretrained": []})
    curve = tables([more, Standing("dogs", 400, {"pretrained": found["pretrained"]})])
    assert curve.count("it has seen them") == 2, "below the table and below the curve"
    random = {"pretrained": [result(0.007, {"name": "x", "weights": "random"})]}
    assert MARK not in tables([Standing("dogs", 400, random)])
    assert "it has seen them, those of the test split too" in dogs
    assert MARK not in tables([Standing("faces", 200, found)])


def test_curve_is_over_what_every_training_set_has() -> None:
    few = {"a": [result(0.009)], "b": [result(0.008)]}
    many = {"a": [result(0.005), result(0.007)], "c": [result(0.001)]}
    text = tables([Standing("dogs", 400, many), Standing("dogs", 100, few)])
    rows = text[text.index("by the number of training") :].splitlines()[2:]
    assert rows == [
        "| recipe | 100 | 400 |",
        "| --- | ---: | ---: |",
        "| the best baseline | 0.010000 | 0.010000 |",
        "| **a** | 0.009000 (10.0%) | 0.006000 ± 0.001414 (40.0%) |",
    ]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Leaderboard]]:
    """Compose a small leaderboard whose runs lie in a folder of their own."""
    register()
    monkeypatch.setattr(command, "RUNS", tmp_path / "runs")

    def composed(*overrides: str) -> Leaderboard:
        boards = "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper]}]"
        small = quoted(OVERRIDES)
        config = compose("leaderboard", [boards, small, f"results={tmp_path}/found", *overrides])
        settings: Leaderboard = checked(config)
        return settings

    with initialize_config_dir(CONF, version_base="1.3"):
        yield composed


def test_runs_are_trained_once_and_failures_are_shown(
    asked: Callable[..., Leaderboard], tmp_path: Path
) -> None:
    text, failed = leaderboard(asked("seeds=[0,1]", "jobs=2"))
    assert failed == 0
    assert "| **ladder/paper** | 2 | 0." in text
    paths = sorted((tmp_path / "found").rglob("*.json"))
    names = [f"synthetic_4/paper/{seed}.json" for seed in (0, 1)]
    assert [path.relative_to(tmp_path / "found").as_posix() for path in paths] == names
    times = [path.stat().st_mtime_ns for path in paths]
    # All is there, and nothing is trained again.
    assert leaderboard(asked("seeds=[0,1]")) == (text, 0)
    assert [path.stat().st_mtime_ns for path in paths] == times
    # With other settings it is made anew; what fails is shown, also later, and the rest stands.
    broken = asked("seeds=[0]")
    broken.overrides.append("optimizer.lr=1e38")
    text, failed = leaderboard(broken)
    message = "failed: training diverged in epoch 1, step 2: loss nan"
    assert (failed, message in text) == (1, True)
    assert [path.stat().st_mtime_ns for path in paths[1:]] == times[1:]
    broken.train = False
    assert leaderboard(broken) == (text, 1)
    text, failed = leaderboard(asked("train=false", "seeds=[0,1,2]"))
    assert (failed, "| **ladder/paper** | 1 | 0." in text) == (0, True)
    assert (tmp_path / "found" / "README.md").read_text() == text
    assert str(tmp_path) not in paths[1].read_text(), "no places of this machine"


def test_results_made_otherwise_or_damaged_are_made_anew(
    asked: Callable[..., Leaderboard], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = wanted_of(Run("synthetic", 4, "ladder/pretrained", 0), asked())
    path = tmp_path / "run.json"
    assert made(path, wanted) is None
    whole = result(0.01) | {"config": json.loads(json.dumps(wanted.settings))}
    path.write_text(json.dumps(whole))
    assert made(path, wanted) == whole

    def changed(group: str, **values: Any) -> dict[str, Any]:
        return whole | {"config": whole["config"] | {group: whole["config"][group] | values}}

    del whole["config"]["flip_average"]  # newer than the run, and still at its default
    del whole["config"]["data_dir"]
    for otherwise, message in (
        (changed("optimizer", lr=0.5), "was made with optimizer.lr=0.5 and is made anew"),
        (changed("network", encoder=None), "was made with network.encoder=None and is made anew"),
        (
            {"config": whole["config"]},
            "run.json cannot be read as results: test: field required; it is made anew",
        ),
        (
            {"config": None, "error": "x"},
            "run.json cannot be read as results: config: input should be a valid dictionary; it is "
            "made anew",
        ),
    ):
        path.write_text(json.dumps(otherwise))
        assert made(path, wanted) is None
        assert message in caplog.text
    path.write_text(json.dumps(whole))
    assert made(path, wanted) == whole
    flipping = Wanted(wanted.settings | {"flip_average": True}, wanted.defaults)
    assert made(path, flipping) is None, "newer than the run, and not at its default"


def test_where_photographs_lie_makes_no_difference() -> None:
    here, there = (
        {"data_dir": p, "lr": 1, "dataset": {"root": p, "parts": {"dogs": {"root": p, "size": 8}}}}
        for p in ("a", "b")
    )
    assert Wanted(here, {}).difference(there) == ""
    there["dataset"]["parts"]["dogs"]["size"] = 9
    assert Wanted(here, {}).difference(there) == "dataset.parts.dogs.size=9"


def test_unknown_experiments_stop_it_before_anything_is_trained(
    asked: Callable[..., Leaderboard], tmp_path: Path
) -> None:
    boards = "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper,nonsense]}]"
    with pytest.raises(HydraException, match="Could not find 'experiment/nonsense'"):
        leaderboard(asked(boards))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_interrupted_leaderboard_goes_on(tmp_path: Path) -> None:
    words = [
        *(sys.executable, "-m", "src.leaderboard", "seeds=[0]", "results=found"),
        "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper]}]",
        quoted([*OVERRIDES, "trainer.max_epochs=40"]),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = tmp_path / "outputs/leaderboard/synthetic_4/paper/0"
    last = run / "checkpoints" / "last.ckpt"
    with subprocess.Popen(words, cwd=tmp_path, env=environment) as running:
        patience = time.monotonic() + 120
        while not last.exists() and time.monotonic() < patience:
            time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(180) == 130
    assert read_checkpoint(last)["epoch"] + 1 < 40
    assert not (tmp_path / "found").exists()
    subprocess.run(words, cwd=tmp_path, env=environment, check=True)
    assert f"resume={last}" in (run / "config" / "overrides.yaml").read_text()
    found = tmp_path / "found" / "synthetic_4" / "paper" / "0.json"
    assert json.loads(found.read_text())["epochs"] == 40
