"""Every command takes a path as it is typed, whatever characters it has."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from colorization.files.atomic import matching
from colorization.settings import commands
from colorization.settings.compose import CONF
from colorization.settings.fields import PATHS
from colorization.settings.overrides import list_verbatim, quote_overrides
from tests.conftest import SMALL
from tests.support.command_line import ROOT, environment, python, take_interrupts

PARTS = ["network=unet", "encoder=resnet18", "amplifier=residual", "perceptual=features"]
COMMANDS = {
    "train": (commands.Train, ["dataset=folder", *PARTS]),
    "evaluate": (commands.Evaluate, []),
    "leaderboard": (commands.Leaderboard, []),
}
IN_TRAIN = {
    "data_dir",
    "resume",
    "repeats",
    "finetune",
    "data.cache",
    "dataset.root",
    "dataset.name",
} | {
    *("network.encoder.weights", "perceptual.weights"),
    *("dataset.parts.*.root", "dataset.parts.*.name", "dataset.clones"),
    *(f"dataset.sources.*.{name}" for name in ("repository", "commit", "paths", "shows", "terms")),
}
OF_EVERYDAY = {"dataset.clones"}
FOLDER = "odd run (2) a=b"
ODD = [
    "2020_01",
    "1e3",
    "0x10",
    "true",
    FOLDER,
    "my photos [2024] {x}",
    "it's # & ! 5$ ~",
    "a, b",
    "größe/写真",
    "C:\\my photos\\",
    "${oc.env:HOME}",
    "\\${x} \\'",
    "'tis",
    "[a]/b",
    "[a",
]


def settings_of(schema: type) -> dict[str, str]:
    kinds = list_verbatim(schema)
    return {name: kinds[name] for name in kinds if not name.startswith("hydra.")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_setting_is_what_is_typed(command: str) -> None:
    schema, groups = COMMANDS[command]
    kinds = {name: kind for name, kind in settings_of(schema).items() if "*" not in name}
    kinds = {name: kind for name, kind in kinds.items() if name not in OF_EVERYDAY}

    def found(value: str, names: Iterable[str]) -> list[Any]:
        config = compose(
            command, quote_overrides([*groups, *(f"{n}={value}" for n in names)], schema)
        )
        return [to_dict(OmegaConf.select(config, name)) for name in names]

    with initialize_config_dir(CONF, version_base="1.3"):
        for odd in ODD[:: 1 if command == "train" else 4]:
            assert found(odd, kinds) == [odd] * len(kinds)
        assert found("'a b'", kinds) == ["a b"] * len(kinds)
        lists = [name for name in kinds if kinds[name] == PATHS]
        words = f"[2020_01, {FOLDER}, it's, 'a, b', [c]/d]"
        assert found(words, lists) == [["2020_01", FOLDER, "it's", "a, b", "[c]/d"]] * len(lists)


def to_dict(value: Any) -> Any:
    return list(value) if OmegaConf.is_list(value) else value


def test_settings_of_a_part_of_a_dataset_are_what_is_typed() -> None:
    words = ["dataset=mixed", "dataset.parts.dogs.root=1e3", "dataset.parts.dogs.name=a b"]
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", quote_overrides(words, commands.Train))
    dogs = config.dataset.parts.dogs
    assert (dogs.root, dogs.name, config.dataset.parts.faces.name) == ("1e3", "a b", "faces")
    words = ["dataset=everyday", "dataset.clones=1e3", "dataset.sources.things.commit=123"]
    with initialize_config_dir(CONF, version_base="1.3"):
        everyday = compose("train", quote_overrides(words, commands.Train)).dataset
    assert (everyday.clones, everyday.sources.things.commit) == ("1e3", "123")


def test_the_path_settings_are_those_of_the_schemas() -> None:
    assert settings_of(commands.Train).keys() == IN_TRAIN
    kinds = settings_of(commands.Evaluate)
    assert [name for name in kinds if kinds[name] == PATHS] == ["checkpoint", "datasets"]


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me (1)")
    words = ["checkpoint=[~/a,b~c]", "data_dir=~", "++datasets=x/~"]
    assert quote_overrides(words, commands.Evaluate) == [
        "checkpoint=['/home/me (1)/a','b~c']",
        "data_dir='/home/me (1)'",
        "++datasets='x/~'",
    ]


def test_commas_part_the_values_of_a_sweep_only() -> None:
    def typed(word: str, *more: str) -> str:
        return quote_overrides([word, *more], commands.Train)[0]

    assert typed("dataset.root=a b,1e3") == "dataset.root='a b,1e3'"
    for sweep in ("-m", "hydra.sweep.dir=x"):
        assert typed("dataset.root=a b,1e3,'c, d'", sweep) == "dataset.root='a b','1e3','c, d'"
        assert typed("dataset.root=choice(a,b)", sweep) == "dataset.root=choice(a,b)"
    assert typed("hydra.sweep.dir=a, b") == "hydra.sweep.dir='a, b'"
    assert typed("hydra.run.dir=a (${now:%Y})") == "hydra.run.dir='a (${now:%Y})'"


def test_a_pattern_may_start_in_a_folder_with_brackets(tmp_path: Path) -> None:
    for folder in ("a [1]", "a 1"):
        (tmp_path / folder / "b").mkdir(parents=True)
        (tmp_path / folder / "b" / "c.json").touch()
    whole = tmp_path / "a [1]" / "b" / "c.json"
    assert matching(str(whole)) == (whole, [whole])
    assert matching(f"{tmp_path}/a [1]/**/*.json") == (tmp_path / "a [1]", [whole])
    assert len(matching(f"{tmp_path}/a*/**/*.json")[1]) == 2
    assert matching(f"{tmp_path}/absent")[1] == []


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.splitlines()


def test_every_command_works_in_folders_with_odd_names(photographs: Path, tmp_path: Path) -> None:
    place = tmp_path / "größe [x] {y}, it's (2) a=b # & ! ~"
    place.mkdir()
    photographs.rename(place / "2020_01")
    two = [word for word in SMALL if not word.startswith("dataset.")]
    two += ["dataset=folder", "dataset.size=16", "dataset.train=4"]
    lines(python("src.train", *two, "dataset.root=2020_01", "hydra.run.dir=1e3", cwd=place))
    results = json.loads((place / "1e3" / "results.json").read_text())
    assert results["config"]["dataset"]["root"] == "2020_01"
    best = place / "1e3" / "checkpoints" / "best.ckpt"
    datasets = f"datasets=[2020_01, '{place / '2020_01'}']".replace("it's", "it\\'s")
    words = [f"checkpoint=[{best.relative_to(place)}]", datasets, "metrics=[mse]", "tracks=[own]"]
    lines(python("src.evaluate", *words, f"hydra.run.dir={place}/scores", cwd=tmp_path / place))
    found = json.loads((place / "scores" / "results.json").read_text())
    assert list(found["datasets"]) == ["2020_01", str(place / "2020_01")]
    (written,) = lines(python("src.export", f"checkpoint={best}", "name=2020_01", cwd=place))
    assert written == f"written: {place}/1e3/bundle"
    assert json.loads((place / "1e3/bundle/model.json").read_text())["name"] == "2020_01"
    words = [f"input={place}/2020_01/00.png", "output=1e5.png", f"model={place}/1e3/bundle"]
    lines(python("src.colorize", *words, cwd=place))
    assert (place / "1e5.png").is_file()
    words = [f"runs=[{place}/1e3/r*.json]".replace(place.name, "*"), "output=1e4"]
    lines(python("src.report", *words, cwd=place))
    assert "**" in (place / "1e4").read_text()
    sweep = ["-m", *two, "dataset.root=2020_01,./2020_01", f"hydra.sweep.dir={place}/sweep [1]"]
    lines(python("src.train", *sweep, cwd=place))
    for number, root in enumerate(("2020_01", "./2020_01")):
        results = json.loads((place / "sweep [1]" / str(number) / "results.json").read_text())
        assert results["config"]["dataset"]["root"] == root
    lines(python("src.sweep_report", f"folder={place}/sweep [1]", cwd=place))
    assert (place / "sweep [1]" / "sweep.html").is_file()


@pytest.mark.slow
def test_the_printed_command_goes_on_in_a_clone_below_an_odd_folder(tmp_path: Path) -> None:
    clone = tmp_path / FOLDER
    for part in ("src", "conf"):
        shutil.copytree(
            ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True
        )
    words = [*SMALL, "trainer.max_epochs=100000", "trainer.patience=100000", "data_dir=it's [1]"]
    command = [sys.executable, "-m", "src.train", *words, f"hydra.run.dir=outputs/{FOLDER}"]
    surroundings = environment(80) | {"PYTHONPATH": str(clone)}
    with subprocess.Popen(
        command,
        cwd=clone,
        env=surroundings,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,
    ) as running:
        last = clone / "outputs" / FOLDER / "checkpoints" / "last.ckpt"
        patience = time.monotonic() + 120
        while not last.exists() and time.monotonic() < patience:
            time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        output = running.communicate(timeout=180)[0]
    assert running.returncode == 130
    (line,) = re.findall(r"go on with: (.*)", output)
    done = subprocess.run(
        ["sh", "-c", f"{line} trainer.max_minutes=0.001"],
        cwd=clone,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((clone / "outputs" / FOLDER / "results.json").read_text())
    assert results["ended_by"] == "max_minutes"
    assert results["config"]["data_dir"] == "it's [1]"
    assert shlex.split(line)[:3] == command[:3]
    assert os.listdir(clone / "outputs") == [FOLDER]
