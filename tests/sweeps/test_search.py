"""Searches: what is tried, what is given up, and what a study is worth to other processes."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from PIL import Image

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.settings.commands import GridOrSearch, Train
from colorization.sweeps.job import PrunedError, Pruning
from colorization.sweeps.search import list_jobs, make_distribution, take_trials
from colorization.sweeps.study import ask, check_space, open_study, running_trial
from colorization.training.run import train
from tests.conftest import SMALL
from tests.support.command_line import python

SEARCH = ["src.train", "-m", *SMALL, "optimizer.lr=tag(log,interval(1e-4,1e-2))"]


@pytest.mark.slow
def test_two_terminals_share_a_search_which_goes_on_in_its_study(tmp_path: Path) -> None:
    words = [*SEARCH, "hydra.sweeper.trials=2"]
    with ThreadPoolExecutor(2) as terminals:
        both = list(terminals.map(lambda _: python(*words, cwd=tmp_path), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    first = results(folder)
    assert len(first) == 2
    assert values(folder) == [found["val"]["mse"] for found in first]
    done = python(*SEARCH, "hydra.sweeper.trials=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert results(folder)[:2] == first
    assert len(values(folder)) == 3
    rates = [found["config"]["optimizer"]["lr"] for found in results(folder)]
    assert len(set(rates)) == 3
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)


def results(folder: Path) -> list[dict[str, dict[str, dict[str, float]]]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/results.json"))]


def values(folder: Path) -> list[float | None]:
    """What the study was told, read without the project's help."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{folder / 'study.db'}")
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert all(list(trial.intermediate_values.values()) == [trial.value] for trial in study.trials)
    return [trial.value for trial in study.trials]


def test_a_study_that_somebody_sends_chooses_no_other_values(tmp_path: Path) -> None:
    """A trial's values become words of src.train; one of a group would load any YAML file."""
    space = {"adversary": CategoricalDistribution(["none", "patch"])}
    study = open_study(tmp_path / "study.db", warmup=0)
    check_space(study, space, {}, tmp_path / "study.db")
    study.ask({"adversary": CategoricalDistribution(["../../../evil"])})
    with pytest.raises(InputError, match=r"trial 0 of the study is drawn from .*evil"):
        list_jobs(study, space, {})


def test_a_study_lies_where_it_is_said_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "odd {x}?a=b#c%20 [1]" / "study.db"
    open_study(path, warmup=0).ask()
    assert path.is_file()
    assert len(open_study(path, warmup=0).trials) == 1
    assert {found.name for found in path.parent.iterdir()} <= {"study.db", ".lock", ".lock-shown"}


def test_a_hopeless_run_is_given_up(settings: Callable[..., Train], tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.db", warmup=2)
    for _ in range(5):
        good = study.ask()
        for epoch in range(1, 10):
            good.report(1e-6, epoch)
        study.tell(good, 1e-6)
    hopeless = study.ask()
    trial = running_trial(open_study(tmp_path / "study.db", warmup=2), hopeless.number)
    with pytest.raises(PrunedError, match="given up after epoch 2 of 9") as stopped:
        train(settings("trainer.max_epochs=9"), tmp_path / "run", [Pruning(trial)])
    assert stopped.value.scores["mse"] > 1e-6
    assert not (tmp_path / "run" / "results.json").exists()


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("a=interval(0.1,2)", FloatDistribution(0.1, 2.0)),
        ("a=tag(log,interval(0.1,2))", FloatDistribution(0.1, 2.0, log=True)),
        ("a=int(interval(1,4))", IntDistribution(1, 4)),
        ("a=choice(x,y)", CategoricalDistribution(["x", "y"])),
        ("a=1,2", CategoricalDistribution(["1", "2"])),
        ("a=range(1,4)", CategoricalDistribution(["1", "2", "3"])),
    ],
)
def test_words_are_distributions(word: str, found: object) -> None:
    (override,) = OverridesParser.create().parse_overrides([word])
    assert make_distribution(override) == found


@pytest.mark.parametrize("word", ["interval(2,1)", "tag(log,interval(0,3))", "range(0,0)"])
def test_limits_that_hold_nothing_are_told_in_a_line(word: str) -> None:
    (override,) = OverridesParser.create().parse_overrides([f"a={word}"])
    with pytest.raises(InputError, match="cannot be searched"):
        make_distribution(override)


def test_what_is_no_study_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("a letter to my aunt" * 100)
    with pytest.raises(InputError, match=r"study\.db cannot be used as the study of a search"):
        open_study(tmp_path / "study.db", warmup=1)


def test_a_study_is_of_one_space(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    study = open_study(path, warmup=1)
    space = {"a": FloatDistribution(0.0, 1.0)}
    check_space(study, space, {"seed": "0"}, path)
    study.ask(space)
    check_space(open_study(path, warmup=1), space, {"seed": "0"}, path)
    with pytest.raises(InputError, match="in which b was not set and not step 1, low 1, high 2"):
        check_space(study, space | {"b": IntDistribution(1, 2)}, {"seed": "0"}, path)
    with pytest.raises(InputError, match="in which seed was 0 and not 5; set hydra"):
        check_space(study, space, {"seed": "5"}, path)


def test_two_processes_try_different_settings(tmp_path: Path) -> None:
    space = {"a": FloatDistribution(0.0, 1.0)}
    studies = [open_study(tmp_path / "study.db", warmup=1) for _ in range(2)]
    for study in studies * 3:
        ask(study, space, seed=0)
    tried = [trial.params["a"] for trial in studies[0].trials]
    assert len(set(tried)) == len(tried) == 6


def test_a_search_with_the_next_seed_does_not_try_the_same_again(tmp_path: Path) -> None:
    space = {"a": FloatDistribution(0.0, 1.0)}
    tried = []
    for seed in (0, 1):
        study = open_study(tmp_path / str(seed) / "study.db", warmup=1)
        for _ in range(3):
            ask(study, space, seed)
        tried += [trial.params["a"] for trial in study.trials]
    assert len(set(tried)) == 6


def test_a_trial_is_of_one_process_until_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    about = GridOrSearch(
        params={}, grids=[], trials=4, at_once=2, warmup=1, seed=0, study=str(path), trial=None
    )
    one, other = (open_study(path, warmup=1) for _ in range(2))
    space = {"a": FloatDistribution(0.0, 1.0)}
    half_drawn = one.ask().number
    with take_trials(one, space, about, tmp_path, set()) as first:
        assert len(first) == 2
        with take_trials(other, space, about, tmp_path, set()) as second:
            assert len({half_drawn, *first, *second}) == 5
            with take_trials(one, space, about, tmp_path, set()) as none:
                assert none == []
    with take_trials(other, space, about, tmp_path, {first[0]}) as left:
        assert left == [first[1], second[0]]
    with (
        held(tmp_path / str(second[0])),
        take_trials(one, space, about, tmp_path, {first[0]}) as left,
    ):
        assert left == [first[1], second[1]]
    jobs = list_jobs(one, space, {"seed": "0"})
    assert list(jobs) == [*first, *second]
    assert all(words[1].startswith("a=0.") for words in jobs.values())


@pytest.mark.slow
def test_what_failed_is_made_again_by_the_same_command(tmp_path: Path) -> None:
    words = ["src.train", "-m", *SMALL, "dataset=folder", "dataset.root=pictures"]
    words += ["optimizer.lr=interval(1e-4,1e-2)", "hydra.sweeper.trials=1"]
    words = [word for word in words if not word.startswith(("dataset.train", "dataset.test"))]
    done = python(*words, cwd=tmp_path)
    assert done.stderr.endswith("1 of 1 runs failed\n")
    assert "run 0 failed: no folder pictures" in done.stdout
    (tmp_path / "pictures").mkdir()
    for number in range(20):
        colors = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(colors).save(tmp_path / "pictures" / f"{number}.png")
    done = python(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert len(values(folder)) == 1
