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

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from colorization.cli.train import run_job
from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.models.results import PUBLISHED
from colorization.settings.commands import Leaderboard
from colorization.settings.compare import find_difference
from colorization.settings.compose import CONF, parse_config, register
from colorization.sweeps.launch import to_train_settings
from colorization.sweeps.leaderboard import (
    FOLDER,
    RECORD,
    Run,
    describe_run,
    leaderboard,
    open_sweep,
    select_current,
)
from colorization.sweeps.photographs import draw_worth, write_worth
from colorization.sweeps.standings import MARK, Standing, Summary, format_tables
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
        "dataset": "faces",
        "seed": 0,
        "images": {"train": 4},
        "val": scores(mse),
        "best_epoch": 1,
        "epochs": 2,
        "images_per_second": 60.0,
        "ended_by": "max_epochs",
        "environment": {"accelerator": "cpu"},
        "config": {"dataset": {"size": 128}, "network": {"encoder": encoder}},
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
    lines = format_tables([Standing("dogs", 400, found)]).splitlines()
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
    text = format_tables([Standing("faces", 200, found)])
    assert "| **bad** | 0 | failed: no luck |" in text
    assert "| **some** | 1 of 2, failed: no luck | 0.007000 |" in text
    assert "| **none** | 0 |  |" in text
    assert "| **good** | 1 | 0.008000 |" in text
    only = format_tables([Standing("faces", 200, {"bad": [{"error": "no luck"}]})])
    assert "No run has ended yet.\n- bad failed: no luck" in only


def test_a_recipe_that_began_with_a_trained_model_is_named() -> None:
    begun = result(0.007)
    begun["config"]["finetune"] = "default"
    text = format_tables([Standing("faces", 200, {"plain": [result(0.008)], "further": [begun]})])
    assert "\nfurther began with the model default, which has learned from other" in text
    assert "plain began" not in text


def test_encoders_that_have_seen_the_photographs_are_marked() -> None:
    found = {
        "scratch": [result(0.008)],
        "pretrained": [result(0.007, {"name": "x", "weights": "hub"})],
    }
    dogs = format_tables([Standing("dogs", 400, found)])
    assert f"**pretrained{MARK}**" in dogs
    assert f"**scratch{MARK}**" not in dogs
    more = Standing("dogs", 900, {"pretrained": []})
    curve = format_tables([more, Standing("dogs", 400, {"pretrained": found["pretrained"]})])
    assert curve.count("it has seen them") == 2, "below the table and below the curve"
    random = {"pretrained": [result(0.007, {"name": "x", "weights": "random"})]}
    assert MARK not in format_tables([Standing("dogs", 400, random)])
    assert "it has seen them, those of the test split too" in dogs
    assert MARK not in format_tables([Standing("faces", 200, found)])


def test_curve_is_over_what_every_training_set_has() -> None:
    few = {"a": [result(0.009)], "b": [result(0.008)]}
    many = {"a": [result(0.005), result(0.007)], "c": [result(0.001)]}
    text = format_tables([Standing("dogs", 400, many), Standing("dogs", 100, few)])
    rows = text[text.index("by the number of training") :].splitlines()[2:]
    assert rows == [
        "| recipe | 100 | 400 |",
        "| --- | ---: | ---: |",
        "| the best baseline | 0.010000 | 0.010000 |",
        "| **a** | 0.009000 (10.0%) | 0.006000 ± 0.001414 (40.0%) |",
    ]


def test_picture_has_the_scores_by_number_of_photographs(tmp_path: Path) -> None:
    failed = {"error": "diverged"}
    few = {"a": [result(0.009)], "b": [failed]}
    many = {"a": [result(0.005), result(0.007)], "c": [result(0.001)]}
    standings = [Standing("dogs", 400, many), Standing("dogs", 100, few)]
    error, gain, colors = draw_worth(standings).axes
    a, c = (container.lines[0] for container in error.containers)
    assert a.get_xydata().tolist() == pytest.approx(np.array([[100, 0.009], [400, 0.006]]))
    assert c.get_xydata().tolist() == pytest.approx(np.array([[400, 0.001]]))
    (bars,) = error.containers[0].lines[2]
    lengths = [np.ptp(bar[:, 1]) for bar in bars.get_segments()]
    assert lengths == pytest.approx([0, 2 * 0.0014142], abs=1e-6)
    names = [text.get_text() for text in error.figure.legends[0].get_texts()]
    assert names == ["a", "c", "the best table", PUBLISHED.name]
    assert [line.get_ydata()[0] for line in gain.lines if line.get_marker() == "x"] == [0.84]
    assert any(line.get_ydata()[0] == 23.0 for line in colors.lines), "the truth's colourfulness"
    write_worth(standings, tmp_path / "new" / "worth.svg")
    assert "<svg" in (tmp_path / "new" / "worth.svg").read_text()


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Leaderboard]]:
    """Compose a small leaderboard in a folder of its own."""
    register()
    monkeypatch.chdir(tmp_path)

    def composed(*overrides: str) -> Leaderboard:
        boards = "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper]}]"
        small = quoted(OVERRIDES)
        config = compose("leaderboard", [boards, small, f"results={tmp_path}/found", *overrides])
        settings: Leaderboard = parse_config(config)
        return settings

    with initialize_config_dir(CONF, version_base="1.3"):
        yield composed


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_runs_are_trained_once_and_failures_are_shown(
    asked: Callable[..., Leaderboard], tmp_path: Path, jobs: int
) -> None:
    text, failed = leaderboard(asked("seeds=[0,1]", f"jobs={jobs}"), run_job)
    assert failed == 0
    assert "| **ladder/paper** | 2 | 0." in text
    record = tmp_path / "found" / RECORD
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [Run(**line["run"]) for line in lines] == [
        Run("synthetic", 4, "ladder/paper", seed) for seed in (0, 1)
    ]
    assert lines[1]["command"].startswith("colorization train experiment=ladder/paper dataset=syn")
    assert lines[1]["command"].endswith("trainer.max_epochs=1 trainer=cpu")
    assert "commit" in lines[1]
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / FOLDER).glob("*/results.json"))]
    # All is there, and nothing is trained again.
    assert leaderboard(asked("seeds=[0,1]"), run_job) == (text, 0)
    assert times == [p.stat().st_mtime_ns for p in sorted((tmp_path / FOLDER).glob("*/r*.json"))]
    # With other settings it is made anew; what fails is shown, also later, and the rest stands.
    broken = asked("seeds=[0]")
    broken.overrides.append("optimizer.lr=1e38")
    text, failed = leaderboard(broken, run_job)
    message = "failed: training diverged in epoch 1, step 2: loss nan"
    assert (failed, message in text) == (1, True)
    assert record.read_text().splitlines() == [json.dumps(line) for line in lines]
    broken.train = False
    assert leaderboard(broken, run_job) == (text, 1)
    text, failed = leaderboard(asked("train=false", "seeds=[0,1,2]"), run_job)
    assert (failed, "| **ladder/paper** | 2 | 0." in text) == (0, True)
    assert (tmp_path / "found" / "README.md").read_text() == text
    assert str(tmp_path) not in record.read_text(), "no places of this machine"
    picture = f"picture={tmp_path}/worth.svg"
    leaderboard(asked("train=false", "seeds=[2]", picture), run_job)
    assert not (tmp_path / "worth.svg").exists(), "no run has ended"
    leaderboard(asked("train=false", "seeds=[0,1]", picture), run_job)
    assert "<svg" in (tmp_path / "worth.svg").read_text()
    boards = [f"{{dataset:{name},train:[9],experiments:[a]}}" for name in ("faces", "dogs")]
    with pytest.raises(InputError, match="picture is of one dataset; boards has several"):
        asked(f"boards=[{','.join(boards)}]", picture)


def test_a_recorded_run_with_other_settings_is_not_shown(
    asked: Callable[..., Leaderboard], caplog: pytest.LogCaptureFixture
) -> None:
    asked()
    run = Run("synthetic", 4, "ladder/pretrained", 0)
    sweep = open_sweep(1, run_job)
    words = {run: run.words}
    now = json.loads(json.dumps(to_train_settings(sweep.compose(run.words))))
    whole = describe_run(run, run.words, result(0.01) | {"config": now})
    assert "data_dir" not in whole["config"]

    def is_shown(row: dict[str, Any]) -> bool:
        return bool(dict(select_current({run: row}, words, sweep)))

    def changed(group: str, **values: Any) -> dict[str, Any]:
        return whole | {"config": whole["config"] | {group: whole["config"][group] | values}}

    assert is_shown(whole)
    del whole["config"]["flip_average"]  # newer than the run, and still at its default
    del whole["config"]["network"]["stride"], whole["config"]["network"]["encoder"]["enlarge"]
    assert is_shown(whole)
    assert not is_shown(changed("optimizer", lr=0.5))
    assert "seed 0 was made with optimizer.lr=0.5 and is made anew" in caplog.text
    assert not is_shown(changed("network", encoder=None))
    assert "was made with network.encoder=None and is made anew" in caplog.text
    words[run] = [*run.words, "flip_average=true"]
    assert not is_shown(whole), "newer than the run, and not at its default"


def test_where_photographs_lie_makes_no_difference() -> None:
    here, there = (
        {
            "data_dir": p,
            "lr": 1,
            "dataset": {"avoid": [p], "parts": {"dogs": {"root": p, "size": 8}}},
        }
        for p in ("a", "b")
    )
    assert find_difference(there, here, {}) == ""
    there["dataset"]["parts"]["dogs"]["size"] = 9
    assert find_difference(there, here, {}) == "dataset.parts.dogs.size=9"


def test_unknown_experiments_stop_it_before_anything_is_trained(
    asked: Callable[..., Leaderboard], tmp_path: Path
) -> None:
    boards = "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper,nonsense]}]"
    with pytest.raises(HydraException, match="Could not find 'experiment/nonsense'"):
        leaderboard(asked(boards), run_job)
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_interrupted_leaderboard_goes_on(tmp_path: Path) -> None:
    words = [
        *(sys.executable, "-m", "src.leaderboard", "seeds=[0]", "results=found"),
        "boards=[{dataset:synthetic,train:[4],experiments:[ladder/paper]}]",
        quoted([*OVERRIDES, "trainer.max_epochs=40"]),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = tmp_path / FOLDER / "0"
    last = run / "checkpoints" / "last.ckpt"
    with subprocess.Popen(words, cwd=tmp_path, env=environment) as running:
        patience = time.monotonic() + 120
        while not last.exists() and time.monotonic() < patience:
            time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(180) == 130
    assert read_checkpoint(last)["epoch"] + 1 < 40
    assert not list((tmp_path / "found").glob("*"))
    subprocess.run(words, cwd=tmp_path, env=environment, check=True)
    (line,) = (tmp_path / "found" / RECORD).read_text().splitlines()
    assert json.loads(line)["epochs"] == 40
