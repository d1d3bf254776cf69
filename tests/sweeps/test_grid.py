"""Sweeps over every combination, as people type them."""

import json
import math
import shutil
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.models.results import save_results
from colorization.settings.compose import CONF, register
from colorization.sweeps.job import run
from colorization.sweeps.launch import check_settings, forget_failure
from colorization.training.run import train
from tests.conftest import SMALL
from tests.support.command_line import python

SWEEP = ["src.train", "-m", *SMALL, "optimizer.lr=1e-4,-1,1e-3"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a sweep was made of which one run failed."""
    folder = tmp_path_factory.mktemp("swept")
    done = python(*SWEEP, cwd=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "1 of 3 runs failed"
    assert "run 1 failed: optimizer.lr is -1.0; it must be at least 1e-30" in done.stdout
    return folder


@pytest.fixture
def place(swept: Path, tmp_path: Path) -> Path:
    """The same, to change."""
    return Path(shutil.copytree(swept, tmp_path / "place"))


def outcomes(place: Path) -> dict[str, dict[str, object]]:
    (sweep,) = (place / "outputs" / "sweeps").iterdir()
    return {p.parent.name: json.loads(p.read_text()) for p in sweep.glob("*/results.json")}


def test_a_sweep_stands_when_a_run_fails(swept: Path) -> None:
    found = outcomes(swept)
    assert set(found) == {"0", "1", "2"}
    assert found["1"] == {"error": "optimizer.lr is -1.0; it must be at least 1e-30"}
    (sweep,) = (swept / "outputs" / "sweeps").iterdir()
    table = (sweep / "sweep.md").read_text().splitlines()[8:]
    cells = [row.strip("| ").split(" | ") for row in table]
    assert {row[1] for row in cells} == {"0.0001", "-1", "0.001"}
    assert float(cells[0][2]) < float(cells[1][2])
    assert cells[2][0] == "1"
    assert "<li>run 1: optimizer.lr is -1.0" in (sweep / "sweep.html").read_text()


def test_the_same_command_repeats_nothing_that_is_finished(place: Path) -> None:
    (sweep,) = (place / "outputs" / "sweeps").iterdir()
    before = outcomes(place)
    (sweep / "2" / "results.json").unlink()  # as if it had been killed in its test
    for number in ("1", "2"):  # and when they were to go on
        (sweep / number / "config" / "config.yaml").write_text("")
    failed = (sweep / "1" / "results.json").stat().st_mtime
    done = python(*SWEEP, "hydra/launcher=basic", cwd=place)
    assert done.returncode == 1
    after = outcomes(place)
    assert after["0"] == before["0"]  # its times too
    assert (sweep / "1" / "results.json").stat().st_mtime > failed
    assert after["2"]["test"] == before["2"]["test"]
    assert after["2"]["config"]["resume"].endswith("/2/checkpoints/last.ckpt")
    assert [path.name for path in sweep.parent.iterdir()] == [sweep.name]


def test_a_run_that_another_process_makes_is_left_to_it(place: Path) -> None:
    (sweep,) = (place / "outputs" / "sweeps").iterdir()
    (sweep / "2" / "results.json").unlink()
    with held(sweep / "2") as is_ours:
        assert is_ours
        done = python(*SWEEP, cwd=place)
    assert "sweep-" in done.stdout
    assert "2 is being made by another process" in done.stdout.replace("\n", "")
    assert set(outcomes(place)) == {"0", "1"}
    assert "| running, epoch 1 |" in (sweep / "sweep.md").read_text()


def test_nothing_is_mixed_with_runs_of_other_settings(place: Path) -> None:
    (sweep,) = (place / "outputs" / "sweeps").iterdir()
    before = outcomes(place)
    results = sweep / "0" / "results.json"
    results.write_text(results.read_text().replace('"flip_average": false', '"flip_average": true'))
    done = python(*SWEEP, cwd=place)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "/0 was made with flip_average=True, which is not so now; delete it, or set" in line
    others = [f"hydra.sweep.dir={sweep}", *SMALL, "optimizer.lr=1e-5,1e-6"]
    done = python("src.train", "-m", *others, cwd=place)
    (line,) = done.stderr.splitlines()
    assert "is another sweep's: its run 0 is" in line
    assert line.endswith("set hydra.sweep.dir to a new folder")
    assert outcomes(place)["2"] == before["2"]


def test_a_run_that_was_killed_before_it_began_blocks_nothing(tmp_path: Path) -> None:
    def check(*words: str) -> None:
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("train", list(words), return_hydra_config=True)
        check_settings(tmp_path, config, {})

    register()
    kept = tmp_path / "config" / "config.yaml"
    kept.parent.mkdir()
    check()
    kept.write_text("")
    check()
    kept.write_text("seed: 5\n")
    with pytest.raises(InputError, match="was made with adversary=nothing, which is not so now"):
        check()
    kept.write_text("")
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(InputError, match="was made with settings that cannot be read"):
        check()


def test_what_fails_during_a_sweep_is_not_made_again_by_it(tmp_path: Path) -> None:
    save_results({"error": "no luck"}, tmp_path)
    forget_failure(tmp_path, before=time.time() - 60)
    assert run(DictConfig({}), tmp_path, train) == math.inf
    assert json.loads((tmp_path / "results.json").read_text()) == {"error": "no luck"}
    forget_failure(tmp_path, before=time.time() + 60)
    assert not (tmp_path / "results.json").exists()


def test_an_interrupted_sweep_says_that_it_goes_on(tmp_path: Path) -> None:
    long = ["trainer.max_epochs=100000", "trainer.patience=100000"]
    started = "outputs/sweeps/*/0/checkpoints/last.ckpt"
    done = python(*SWEEP, *long, cwd=tmp_path, until=lambda: list(tmp_path.glob(started)))
    assert done.returncode == 130
    assert done.stdout.splitlines()[-1] == "stopped; the same command goes on"
    assert not list(tmp_path.rglob("results.json"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+sweep=none"], "error: In 'train': Could not find 'sweep/none' Available options"),
        (
            ["seed=0", "-m", "optimizer.nope=1,2"],
            "error: Could not override 'optimizer.nope'; what",
        ),
        (
            ["-m", "optimizer.nope=range(3)", "hydra.sweeper.trials=1"],
            "error: Could not override 'optimizer.nope'; what",
        ),
        (["-m", "seed=glob(*)"], "error: seed=glob(*) has no values to sweep"),
        (
            ["-m", "optimizer.lr=interval(0,1)"],
            "error: optimizer.lr=interval(0,1) is for a search; set hydra.sweeper.trials",
        ),
        (
            ["-m", "hydra.sweeper.trials=1"],
            "error: a search needs a setting to search, as optimizer.lr=interval(1e-4,1e-2)",
        ),
        (
            ["-m", "seed=0,1", "hydra.sweeper.at_once=0"],
            "error: hydra.sweeper.at_once is 0; it must be at least 1",
        ),
    ],
)
def test_bad_sweeps_get_one_line_before_any_run(
    tmp_path: Path, words: list[str], message: str
) -> None:
    done = python("src.train", *words, *SMALL, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "outputs").exists()
