"""The commands as people type them: interruption, and bad input as one line."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.sweeps.comparison import compare_runs
from tests.conftest import SMALL
from tests.support.command_line import environment, python, take_interrupts

BOARD = "boards=[{dataset: synthetic, train: [4], experiments: [ladder/paper]}]"
NO_FOLDER = "error: file: this is a file where a folder is needed; remove it, or set another path"


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_interrupted_run_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    words = [*SMALL, "trainer.max_epochs=100000", "trainer.patience=100000"]
    command = [sys.executable, "-m", "src.train", *words, f"hydra.run.dir={tmp_path}/run"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(80),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,
    ) as running:
        last = tmp_path / "run" / "checkpoints" / "last.ckpt"
        patience = time.monotonic() + 120
        while not last.exists() and time.monotonic() < patience:
            time.sleep(0.2)
        running.send_signal(number)
        output = running.communicate(timeout=180)[0]
    assert running.returncode == 130
    line = next(line for line in output.splitlines() if "go on with:" in line)
    resume = shlex.split(line.partition("go on with: ")[2])
    assert resume == [sys.executable, "-m", "src.train", *words, f"resume={last}"]
    done = python(*resume[2:], "trainer.max_minutes=0.001", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "results.json").read_text())["ended_by"] == "max_minutes"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dataset=cats"], "error: In 'train': Could not find 'dataset/cats'"),
        (["dataset=folder", "dataset.root=absent"], "error: no folder absent"),
        (["hydra.run.dir=file/run"], NO_FOLDER),
        (["hydra.run.dir=file"], NO_FOLDER),
        (["data.cache=file", "data.max_memory=0"], NO_FOLDER),
        (["dataset=faces", "data_dir=file"], NO_FOLDER),
        (["optimizer.lr=-1"], "error: optimizer.lr is -1.0; it must be at least 1e-30"),
        (["resume=absent.ckpt"], "error: no checkpoint absent.ckpt"),
        (
            ["amplifier.width=8"],
            "error: a part that is not chosen has no settings: amplifier.width=8; choose it too",
        ),
    ],
)
def test_bad_input_gets_one_clear_line(tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    done = python("src.train", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.replace(f"{tmp_path}/", "").startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_refused_start_changes_nothing_in_a_run_folder(checkpoint: Path, tmp_path: Path) -> None:
    run = shutil.copytree(checkpoint.parent.parent, tmp_path / "run")
    (run / "config").mkdir()
    (run / "config" / "config.yaml").write_text("seed: 0\n")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    words = [*SMALL, "seed=5", f"resume={run}/checkpoints/last.ckpt"]
    done = python("src.train", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "was trained with" in done.stderr
    after = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() <= {run / ".lock", run / ".lock-shown"}
    assert {path: after[path] for path in before} == before


def test_a_refused_start_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    for words in (["hydra.run.dir=mine"], ["hydra.run.dir=mine/deeper/run"]):
        done = python("src.train", *words, "resume=absent.ckpt", cwd=tmp_path)
        assert done.stderr == "error: no checkpoint absent.ckpt\n"
    assert (tmp_path / "mine" / "notes.txt").is_file()
    assert not (tmp_path / "mine" / "deeper" / "run").exists()


def test_a_run_folder_is_of_one_process(tmp_path: Path) -> None:
    with held(tmp_path / "run"):
        done = python("src.train", *SMALL, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr == f"error: another process is training in {tmp_path}/run; wait for it to end\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "error: checkpoint is None; it must be a word, or a list of words as [A,B]"),
        (
            ["checkpoint=absent.ckpt"],
            "error: no model absent.ckpt: give the path of a checkpoint, bundle",
        ),
        (["checkpoint=file", "hydra.run.dir=file/run"], NO_FOLDER),
        (["checkpoint=file", "metrics=[nice]"], "error: unknown metric 'nice'; known: mse, psnr"),
        (["checkpoint=file"], "error: file is not a readable checkpoint"),
    ],
)
def test_bad_evaluation_gets_one_clear_line(tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    done = python("src.evaluate", "metrics=[mse]", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.replace(f"{tmp_path}/", "").startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "words",
    [
        ["src.export", "checkpoint=default", "output=file/bundle"],
        ["src.export", "checkpoint=default", "format=onnx", "output=file/model.onnx"],
        ["src.report", "runs=[results.json]", "output=file/report.md"],
        ["src.leaderboard", "train=false", "results=file", BOARD],
        ["src.leaderboard", "train=false", "hydra.run.dir=file"],
        ["src.colorize", "input=a.png", "output=file/b.png"],
        ["src.train", "-m", "seed=0,1", "hydra.sweep.dir=file"],
        ["src.train", "-m", "hydra.sweep.dir=file", "hydra.sweeper.trials=1", "seed=range(5)"],
    ],
)
def test_a_file_where_a_folder_should_be_is_named(
    photographs: Path, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    shutil.copy(photographs / "00.png", tmp_path / "a.png")
    before = set(tmp_path.rglob("*"))
    done = python(*words, cwd=tmp_path)
    assert done.returncode != 0
    assert NO_FOLDER.removeprefix("error: ") in done.stderr.replace(f"{tmp_path}/", "")
    assert "Errno" not in done.stderr
    assert set(tmp_path.rglob("*")) == before


def test_evaluation_ends_with_the_overview(checkpoint: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={checkpoint}", "metrics=[mse]", "hydra.run.dir=run"]
    done = python("src.evaluate", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "small/run" in done.stdout
    assert done.stdout.splitlines()[-1] == f"report: {tmp_path}/run/report.html"
    names = {path.name for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert names == {"report.html", "report.md", "results.json", "scores.csv", "evaluate.log"}


SCORES = {"mse": 0.002, "psnr": 30.0, "rgb_absolute": 5.0, "rgb_signed": -10.0}
RESULTS = {
    "dataset": "faces",
    "images": {"train": 3, "val": 2, "test": 1},
    "test": {"gray": SCORES, "mean": SCORES, "network": {**SCORES, "mse": 0.001}},
    "val": SCORES,
    "config": {"dataset": {"size": 64}, "network": {}},
    "environment": {"accelerator": "cpu"},
    "seed": 0,
    "epochs": 5,
    "best_epoch": 4,
    "minutes": 1.5,
    "images_seen": 15,
    "images_per_second": 9.5,
    "parameters": 1000,
    "ended_by": "patience",
}


def test_report_names_what_it_cannot_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match=r"no results match .*absent\.json"):
        compare_runs([str(tmp_path / "absent.json")], tmp_path / "out.md")
    bad = tmp_path / "bad.json"
    bad.write_text('{"error": "no luck"}')
    with pytest.raises(InputError, match=r"every run of .*bad\.json failed"):
        compare_runs([str(bad)], tmp_path / "out.md")
    assert "which failed: no luck" in caplog.text
    for text in ("{", "[]", "{}"):
        bad.write_text(text)
        with pytest.raises(InputError, match=r"bad\.json cannot be read as results"):
            compare_runs([str(bad)], tmp_path / "out.md")
    assert not (tmp_path / "out.md").exists()


def test_report_puts_runs_beside_baselines_and_the_paper(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(RESULTS))
    text = compare_runs([str(tmp_path / "*.json")], tmp_path / "out.md")
    assert (tmp_path / "out.md").read_text() == text
    rows = text[text.index("###") :].splitlines()
    assert rows[0] == "### faces: 3 train, 2 val, 1 test photographs at 64 px"
    assert rows[4].startswith("| gray | 0.002000 | 30.00 | 5.00 | -10 |")
    assert rows[6].startswith("| **mine** | 0.001000 |")
    assert "| 50.0% | 5 epochs in 1.5 min on cpu, ended by patience; best at epoch 4 |" in rows[6]
    assert rows[7].startswith("| the paper, on its own photographs | 0.0014189 |")


def test_report_keeps_what_cannot_be_compared_apart(tmp_path: Path) -> None:
    for run, size in (("a", 64), ("b", 64), ("c", 128)):
        path = tmp_path / "faces" / run / "results.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**RESULTS, "config": {"dataset": {"size": size}}}))
    text = compare_runs([str(tmp_path / "**" / "results.json")], tmp_path / "out.md")
    assert text.count("###") == 2
    assert text.index("**faces/b**") < text.index("at 128 px") < text.index("**faces/c**")
