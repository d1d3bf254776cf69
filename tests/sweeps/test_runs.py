"""Where a sweep lies, and what its runs are."""

from pathlib import Path

import pytest

from colorization.errors import InputError
from colorization.sweeps.runs import add_folder, list_varied, number_jobs, read_jobs, save_jobs

WORDS = ["-m", "dataset=faces", "seed=0,1"]


def place(words: list[str]) -> str:
    (found,) = set(add_folder(words)) - set(words)
    return found


def test_the_same_words_go_on_in_the_same_folder() -> None:
    assert place(WORDS).startswith("hydra.sweep.dir=outputs/sweeps/sweep-")
    places = ["data_dir=/photographs", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    assert place([*WORDS, *places]) == place(WORDS)
    places = ["++data_dir=a", "data.cache=b", "trainer.pictures_every=9"]
    assert place([*WORDS, *places]) == place(WORDS)
    assert place([*WORDS, "data.cache=a,b"]) != place(WORDS)
    assert place([*WORDS, "dataset.root=a"]) != place([*WORDS, "dataset.root=b"])
    assert place(["--multirun", *WORDS[1:]]) == place(WORDS)
    assert place([*WORDS, "flip_average=true"]) != place(WORDS)


@pytest.mark.parametrize(
    "words", [WORDS, [*WORDS[1:], "-m"], [WORDS[1], "-m", WORDS[2]], ["+sweep=paper"]]
)
def test_the_folder_is_named_beside_the_other_settings(words: list[str]) -> None:
    found = add_folder(words)
    others = [word for word in found if not word.startswith("hydra.sweep.dir=")]
    flags = [word for word in words if word == "-m"]
    assert others == flags + [word for word in words if word != "-m"]
    assert found[: len(flags)] == flags


def test_a_named_sweep_has_its_name() -> None:
    words = ["+sweep=paper", "dataset=faces"]
    assert place(words).startswith("hydra.sweep.dir=outputs/sweeps/paper-")


def test_flags_come_first_in_a_folder_that_is_said_too() -> None:
    words = ["seed=0,1", "hydra.sweep.dir=a"]
    assert add_folder([words[0], "-m", words[1]]) == ["-m", *words]


@pytest.mark.parametrize("words", [["dataset=faces"], [*WORDS, "hydra.sweep.dir=mine"]])
def test_other_words_stay_as_they_are(words: list[str]) -> None:
    assert add_folder(words) == words


def test_settings_are_those_in_which_runs_differ() -> None:
    jobs = {0: ["seed=0", "a=1"], 1: ["seed=0", "a=2", "b=x"]}
    assert list_varied(jobs) == {0: {"a": "1", "b": ""}, 1: {"a": "2", "b": "x"}}


def test_runs_are_read_as_they_were_saved(tmp_path: Path) -> None:
    jobs = {0: ["seed=0"], 7: ["seed=1"]}
    save_jobs(jobs, tmp_path)
    assert read_jobs(tmp_path) == jobs


def test_what_is_no_sweep_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not the folder of a sweep: it has no sweep\.json"):
        read_jobs(tmp_path)
    for text in ("{", "[]", '{"jobs": {"a": []}}'):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(InputError, match=r"sweep\.json is damaged .* repeat the sweep"):
            read_jobs(tmp_path)


def test_a_sweep_that_grows_keeps_its_numbers(tmp_path: Path) -> None:
    first, second, third = (["a=1", f"seed={seed}"] for seed in range(3))
    jobs, numbers = number_jobs([first, second], tmp_path)
    assert numbers == [0, 1]
    save_jobs(jobs, tmp_path)
    elsewhere = [*second, "data_dir=/photographs"]
    jobs, numbers = number_jobs([third, elsewhere], tmp_path)
    assert numbers == [2, 1]
    assert jobs == {0: first, 1: elsewhere, 2: third}
