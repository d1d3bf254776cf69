"""Repeating a run: the same scores from the same settings, and what is said where it differs."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from colorization.data.datamodule import ColorDataModule
from colorization.data.photographs import Images
from colorization.errors import InputError
from colorization.settings.commands import Train
from colorization.settings.compare import read_start
from colorization.settings.compose import CONF, register
from colorization.settings.installation import read_commit
from colorization.training.checkpoints import make_resume_command
from colorization.training.reproduce import compare, expand_from
from colorization.training.run import build_parts
from tests.conftest import SMALL
from tests.support.command_line import ROOT, python


def recorded(folder: Path, *words: str) -> Any:
    """Have Hydra leave a folder's config/ for some words, and read it."""
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        both = compose("train", list(words), return_hydra_config=True)
    (folder / "config").mkdir(parents=True)
    hydra = OmegaConf.masked_copy(both, "hydra")
    OmegaConf.save(hydra, folder / "config" / "hydra.yaml")
    config = OmegaConf.masked_copy(both, [name for name in both if name != "hydra"])
    OmegaConf.save(config, folder / "config" / "config.yaml")
    return OmegaConf.to_container(config)


def composed(words: list[str]) -> Any:
    with initialize_config_dir(CONF, version_base="1.3"):
        return OmegaConf.to_container(compose("train", words))


def test_a_run_in_another_process_has_the_same_scores_and_says_so(tmp_path: Path) -> None:
    words = [*SMALL, "network=unet", "network.width=8", "seed=3", "vivid=true", "resume=null"]
    first = python("src.train", *words, "hydra.run.dir=a run", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    second = python("src.train", "--from", "a run", "hydra.run.dir=b", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "all scores are those of a run" in second.stdout
    assert "WARNING other" not in " ".join(second.stdout.split())
    one, two = (json.loads((tmp_path / run / "results.json").read_text()) for run in ("a run", "b"))
    times = ("minutes", "images_per_second")
    assert one["config"].pop("repeats") is None
    assert two["config"].pop("repeats") == "a run"
    assert {k: v for k, v in one.items() if k not in times} == {
        k: v for k, v in two.items() if k not in times
    }
    assert one["commit"] == read_commit()
    assert set(one["data"]) == {"train", "val", "test"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["experiment=ladder/everything", "dataset=faces", "dataset.train=200"],
        ["dataset=folder", "dataset.root='it\\'s ${seed} = \"a, b\" \\\\'", "dataset.train=null"],
        ["dataset=mixed", "~dataset.parts.scenes", "optimizer=rmsprop", "optimizer.lr=1e-7"],
        ["network=fusion", "encoder=resnet18", "adversary=patch", "optimizer.betas=[0.5,0.9]"],
        ["+sweep=paper", "dataset=faces", "optimizer=sgd", "optimizer.lr=0.1"],
    ],
)
def test_a_folder_says_every_setting(tmp_path: Path, words: list[str]) -> None:
    then = recorded(tmp_path / "run", *words, "seed=7", "resume=old.ckpt")
    now = composed(expand_from(["--from", str(tmp_path / "run")]))
    assert now == then | {"resume": None, "repeats": str(tmp_path / "run")}


def test_settings_that_are_typed_count(tmp_path: Path) -> None:
    words = ["network=unet", "encoder=timm", "network.encoder.name=resnet50", "dataset=faces"]
    then = recorded(tmp_path, *words)
    run = str(tmp_path)
    now = composed(expand_from(["--from", run, "data_dir=elsewhere", "seed=2"]))
    assert now == then | {"data_dir": "elsewhere", "seed": 2, "repeats": run}
    now = composed(expand_from(["optimizer=rmsprop", "--from", run, "encoder=resnet18"]))
    assert now["optimizer"] == composed(["optimizer=rmsprop"])["optimizer"]
    assert (
        now["network"]["encoder"]
        == composed(["network=unet", "encoder=resnet18"])["network"]["encoder"]
    )
    assert now["dataset"] == then["dataset"]
    now = composed(expand_from(["--from", run, "network=paper", "encoder=none"]))
    assert now["network"] == composed([])["network"]
    assert expand_from(["-m", "--from", run, "seed=1,2"])[0] == "-m"
    assert expand_from(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]


def test_settings_that_are_newer_than_a_run_have_their_defaults(tmp_path: Path) -> None:
    then = recorded(tmp_path, "seed=7")
    path = tmp_path / "config" / "config.yaml"
    old = OmegaConf.load(path)
    del old["vivid"], old["trainer"]["ema"], old["repeats"]
    OmegaConf.save(old, path)
    assert composed(expand_from([f"--from={tmp_path}"])) == then | {"repeats": str(tmp_path)}


def test_a_folder_that_cannot_be_repeated_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder absent"):
        expand_from(["--from", "absent"])
    with pytest.raises(InputError, match=r"its config/ cannot be read: .* No such file"):
        expand_from(["--from", str(tmp_path)])
    with pytest.raises(InputError, match="--from needs the folder of a run, as --from RUN"):
        expand_from(["--from"])
    recorded(tmp_path)
    with pytest.raises(InputError, match="both set everything; leave one out"):
        expand_from(["--from", str(tmp_path), "experiment=ladder/paper"])
    hydra = tmp_path / "config" / "hydra.yaml"
    text = hydra.read_text()
    hydra.write_text(text.replace("config_name: train", "config_name: evaluate"))
    with pytest.raises(InputError, match=r"is no run of src\.train"):
        expand_from(["--from", str(tmp_path)])
    hydra.write_text(text)
    (tmp_path / "config" / "config.yaml").write_text("")
    with pytest.raises(InputError, match=r"its config/ cannot be read: .*config\.yaml is empty"):
        expand_from(["--from", str(tmp_path)])
    hydra.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"its config/ cannot be read"):
        expand_from(["--from", str(tmp_path)])


def changed(path: Path, setting: str, value: object) -> None:
    """Write a setting into a recorded file, as somebody could who sends the folder."""
    config = OmegaConf.load(path)
    OmegaConf.update(config, setting, value, force_add=True)
    OmegaConf.save(config, path)


class Canary:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return Path.write_text, (self.path, "fired")  # type: ignore[return-value]


def test_a_folder_that_somebody_sends_runs_no_code(tmp_path: Path) -> None:
    """Hydra instantiates ``hydra.callbacks``, and loads YAML by a group's choice."""
    run, fired = tmp_path / "run", tmp_path / "fired"
    recorded(run, *SMALL)
    (run / "code").write_bytes(pickle.dumps(Canary(fired)))
    callback = {"_target_": "joblib.load", "filename": str(run / "code")}
    changed(run / "config" / "config.yaml", "hydra.callbacks", {"x": callback})
    done = python("src.train", "--from", str(run), cwd=tmp_path)
    assert done.stderr == (
        f"error: --from {run}: hydra.callbacks.x._target_ is no setting of src.train\n"
    )
    assert done.returncode == 2
    assert not fired.exists()
    pickle.loads((run / "code").read_bytes())  # noqa: S301
    assert fired.exists()  # it would have

    shutil.rmtree(run)
    recorded(run, *SMALL)
    evil = f"# @package _global_\nhydra: {{callbacks: {{x: {json.dumps(callback)}}}}}\n"
    (tmp_path / "evil.yaml").write_text(evil)
    choice = os.path.relpath(tmp_path / "evil", Path(CONF, "adversary"))
    for group in ("adversary", "schema", "hydra"):
        hydra = run / "config" / "hydra.yaml"
        before = hydra.read_text()
        changed(hydra, f"hydra.runtime.choices.{group}", choice)
        with pytest.raises(InputError, match=rf"{group}=.*/evil is no file of conf/{group}/"):
            expand_from(["--from", str(run)])
        hydra.write_text(before)


@pytest.mark.parametrize(
    ("file", "setting", "value", "message"),
    [
        ("config", "unknown", 1, "unknown is no setting of src.train"),
        ("config", "dataset.nope", 1, "dataset.nope is no setting of src.train"),
        ("config", "hydra.job.name", "x", "hydra.job.name is no setting of src.train"),
        ("config", "dataset.name", "${oc.env:HOME}", "refers to something that is no setting"),
        ("config", "dataset.name", "a${ oc.env:HOME}", "refers to something that is no setting"),
        ("config", "data_dir", "${run_folder:a,b}", "refers to something that is no setting"),
        ("config", "data_dir", "\\\\${oc.env:HOME}", "refers to something that is no setting"),
        ("config", "optimizer.betas", ["${oc.env:HOME}"], "refers to something that is no setting"),
        ("hydra", "hydra.overrides.task", ["~hydra.job"], "hydra.job is no setting of src.train"),
    ],
)
def test_a_recorded_setting_is_one_of_the_schema_and_refers_to_such(
    tmp_path: Path, file: str, setting: str, value: object, message: str
) -> None:
    recorded(tmp_path)
    changed(tmp_path / "config" / f"{file}.yaml", setting, value)
    with pytest.raises(InputError, match=message):
        expand_from(["--from", str(tmp_path)])
    if "outside" in message:
        with pytest.raises(InputError, match=message):
            read_start(tmp_path)


def test_aliases_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for new, old in zip("bcdefghij", "abcdefghi", strict=True):
        bomb.append(f"{new}: &{new} [{', '.join(9 * [f'*{old}'])}]")
    path = tmp_path / "config" / "config.yaml"
    path.write_text("\n".join([*bomb, "seed: *j"]))
    for reader in (lambda: expand_from(["--from", str(tmp_path)]), lambda: read_start(tmp_path)):
        with pytest.raises(ValueError, match=r"config\.yaml has aliases"):
            reader()


def test_a_repeated_run_goes_on_by_its_folder(tmp_path: Path) -> None:
    words = make_resume_command(tmp_path, ["network=unet", "++seed=7", "repeats='a b'"]).split(
        " -m "
    )[1]
    assert words == (
        f"colorization.cli.train --from {tmp_path} 'repeats='\"'\"'a b'\"'\"'' "
        f"resume={tmp_path}/checkpoints/last.ckpt"
    )


SCORES = {"val": {"mse": 0.5}, "test": {"gray": {"mse": 2}, "network": {"mse": 0.25}}}
RUN = {
    **SCORES,
    "config": {"seed": 0, "data_dir": "here"},
    "data": {"train": "aa", "val": "bb"},
    "commit": "cc",
    "environment": {"torch": "2.11"},
}


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, ["all scores are those of"]),
        ({"config": {"seed": 0, "data_dir": "there"}}, ["all scores are those of"]),
        ({"data": {"train": "ab", "val": "bb"}}, ["other pictures than", "all scores"]),
        ({"commit": None}, ["other code than", "all scores"]),
        ({"environment": {"torch": "2.12"}}, ["other versions than", "all scores"]),
        ({"val": {"mse": float("nan")}}, ["other scores than in"]),
    ],
)
def test_what_differs_is_said_in_a_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, Any], lines: list[str]
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(RUN))
    with caplog.at_level("INFO"):
        compare(RUN | change, tmp_path)
    assert len(caplog.messages) == len(lines)
    for message, line in zip(caplog.messages, lines, strict=True):
        assert message.startswith(line)


def test_runs_that_were_made_before_or_did_not_end_are_compared_as_far_as_they_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        compare(RUN, tmp_path)
        (tmp_path / "results.json").write_text('{"error": "no luck"}')
        compare(RUN, tmp_path)
        (tmp_path / "results.json").write_text(json.dumps(SCORES))
        compare(RUN, tmp_path)
    first, second, third = caplog.messages
    assert "has no scores to compare with" in first
    assert "has no scores to compare with" in second
    assert third == f"all scores are those of {tmp_path}"


def test_fingerprints_are_of_pixels_and_order(settings: Callable[..., Train]) -> None:
    def data(*words: str) -> ColorDataModule:
        found = build_parts(settings(*words))[1]
        found.setup()
        return found

    one = data()
    assert one.fingerprints() == data("seed=5").fingerprints()
    other = data("dataset.seed=1").fingerprints()
    assert all(other[split] != value for split, value in one.fingerprints().items())
    before = one.fingerprints()
    pixels = one.images["train"].pixels[:].clone()
    pixels[0, 0, 0, 0] ^= 1
    one.images["train"] = Images(one.images["train"].names, pixels)
    changed = one.fingerprints()
    assert changed["train"] != before["train"]
    assert changed["val"] == before["val"]


def test_outside_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "src/colorization/settings/installation.py", tmp_path)
    code = "from installation import read_commit; print(read_commit())"
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"
