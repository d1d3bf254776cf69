"""Files that somebody may send: none of them runs code, whatever it is put in the place of.

docs/security.md has the list. What a run folder's config can do is in tests/test_repeat.py, and
archives in tests/test_sources.py.
"""

import hashlib
import json
import pickle
import shutil
import sqlite3
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from optuna.distributions import FloatDistribution
from PIL import EpsImagePlugin, Image

from colorization.data.download import unpack
from colorization.data.photographs import UnusablePhotographError, read_photograph
from colorization.data.sources import StanfordDogs
from colorization.errors import InputError
from colorization.evaluation.run import evaluate
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_picture
from colorization.hints.file import read_hints
from colorization.models.backends import OnnxModel
from colorization.models.baselines import read_baselines
from colorization.models.bundle import CARD, CHECKSUMS, WEIGHTS, read_bundle, read_model
from colorization.models.checkpoints import read_checkpoint
from colorization.models.export import export_model
from colorization.models.registry import DESCRIPTION
from colorization.networks.weights import read_weights
from colorization.settings.commands import Evaluate, Train
from colorization.settings.compare import read_start
from colorization.settings.run_files import BASELINES_FILE
from colorization.sweeps.comparison import compare_runs
from colorization.sweeps.report import report_sweep
from colorization.sweeps.runs import PLAN, read_jobs
from colorization.sweeps.study import ask, check_space, open_study
from colorization.training.checkpoints import PHOTOGRAPHS, check_photographs
from colorization.training.reproduce import expand_from
from colorization.training.run import train

SPACE = {"optimizer.lr": FloatDistribution(0.0, 1.0)}


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({self.marker!r}, 'w')",)


@pytest.fixture
def canary(tmp_path: Path) -> Any:
    """What must not be unpickled; looked at when the test ends."""
    marker = tmp_path / "fired"
    found = Canary(marker)
    pickle.loads(pickle.dumps(found))  # noqa: S301
    assert marker.exists(), "it can fire"
    marker.unlink()
    yield found
    assert not marker.exists(), "code of a received file has run"


def written(canary: Canary, path: Path) -> Path:
    path.write_bytes(pickle.dumps(canary))
    return path


def test_a_checkpoint_runs_nothing(
    canary: Canary, checkpoint: Path, settings: Callable[..., Train], tmp_path: Path
) -> None:
    whole = torch.load(checkpoint, weights_only=True)
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    torch.save(whole | {"more": canary}, last)
    pickled = written(canary, tmp_path / "pickle.ckpt")
    for path in (last, pickled):
        for use in (read_checkpoint, read_model, read_weights):
            with pytest.raises(InputError, match="is not a readable"):
                use(str(path))
        with pytest.raises(InputError, match="is not a readable checkpoint"):
            train(settings(f"resume={path}"), tmp_path / "run")


def test_the_baselines_of_a_run_run_nothing(canary: Canary, tmp_path: Path) -> None:
    torch.save({"gray.table": canary}, tmp_path / BASELINES_FILE)
    assert read_baselines(tmp_path / BASELINES_FILE) is None
    assert read_baselines(written(canary, tmp_path / "other.pt")) is None


def shards(folder: Path, canary: Canary) -> Path:
    """A folder as this project once streamed it: litdata was told there to unpickle."""
    body = pickle.dumps(canary)
    item = struct.pack("<I", len(body)) + body
    data = struct.pack("<3I", 1, 12, 12 + len(item)) + item
    about = {
        "chunks": [{"chunk_bytes": len(data), "chunk_size": 1, "filename": "chunk-0-0.bin"}],
        "config": {"data_format": ["pickle"], "data_spec": '[1, {"type": null}]'},
    }
    splits = {}
    for split in ("train", "val", "test"):
        (folder / split).mkdir(parents=True)
        (folder / split / "chunk-0-0.bin").write_bytes(data)
        (folder / split / "index.json").write_text(json.dumps(about))
        files = {path.name: path.stat().st_size for path in (folder / split).iterdir()}
        splits[split] = {"names": ["a"], "digests": ["0"], "files": files}
    index = {"version": 1, "size": 16, "splits": splits}
    (folder / "shards.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def of_dataset(checkpoint: Path, tmp_path: Path) -> Callable[..., Path]:
    """A checkpoint that says it was trained on a dataset, without the baselines of its run."""

    def altered(**dataset: Any) -> Path:
        content = torch.load(checkpoint, weights_only=True)
        content["datamodule_hyper_parameters"]["dataset"] = dataset
        path = tmp_path / "sent" / "best.ckpt"
        path.parent.mkdir(exist_ok=True)
        torch.save(content, path)
        return path

    return altered


def test_shards_are_no_dataset_any_more(
    canary: Canary,
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    of_dataset: Callable[..., Path],
    tmp_path: Path,
) -> None:
    folder = shards(tmp_path / "shards", canary)
    shown = {"name": "shards", "root": str(folder), "size": 16}
    path = of_dataset(_target_="src.data.shards.Shards", **shown)
    with pytest.raises(InputError, match=r"it was trained on the folder .*shards, which"):
        evaluate(asked(path), tmp_path / "e")
    with pytest.raises(InputError, match=r"no photographs .* in .*shards"):
        evaluate(asked(checkpoint, f"datasets={folder}"), tmp_path / "e")


def test_a_folder_that_only_a_checkpoint_names_is_not_opened(
    asked: Callable[..., Evaluate],
    of_dataset: Callable[..., Path],
    photographs: Path,
    tmp_path: Path,
) -> None:
    counts = {"train": 5, "val": 5, "test": 5, "split_seed": 0, "max_pixels": 10**6}
    there = {"_target_": "colorization.data.folders.PhotographFolder", "root": str(photographs)}
    path = of_dataset(name="folder", size=16, **there, **counts)
    message = f"was trained on the folder {photographs}, which is read only if you name"
    with pytest.raises(InputError, match=rf"{message} it: evaluate with datasets={photographs}"):
        evaluate(asked(path), tmp_path / "e")
    with pytest.raises(InputError, match=message):
        evaluate(asked(path, "datasets=folder"), tmp_path / "e")
    words = ["metrics=mse", "tracks=own"]
    found = evaluate(asked(path, f"datasets={photographs}", *words), tmp_path / "f")
    assert found["datasets"][str(photographs)]["photographs"] == 20

    disguised = of_dataset(name="scenes", size=16, **there, **counts)
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=f"no folder {tmp_path}/data/scenes"):
        evaluate(asked(disguised, f"data_dir={tmp_path}/data"), tmp_path / "e")


def test_a_folder_that_only_a_checkpoint_names_is_not_opened_to_export(
    of_dataset: Callable[..., Path], photographs: Path, tmp_path: Path, caplog: Any
) -> None:
    counts = {"train": 5, "val": 5, "test": 5, "split_seed": 0, "max_pixels": 10**6}
    target = "colorization.data.folders.PhotographFolder"
    path = of_dataset(_target_=target, name="f", root=str(photographs), size=16, **counts)
    with caplog.at_level("WARNING"):
        export_model(str(path), format="onnx", output=f"{tmp_path}/m.onnx")
    assert "not compared on its own photographs: it was trained on the folder" in caplog.text


def test_a_bundle_runs_nothing(canary: Canary, tmp_path: Path) -> None:
    shutil.copytree(Path("models", "default").resolve(), tmp_path / "bundle")
    for name in (WEIGHTS, DESCRIPTION, CARD):
        bundle = tmp_path / f"with_{name}"
        shutil.copytree(tmp_path / "bundle", bundle)
        written(canary, bundle / name)
        sums = [
            f"{hashlib.sha256((bundle / part).read_bytes()).hexdigest()}  {part}\n"
            for part in (WEIGHTS, DESCRIPTION, CARD)
        ]
        (bundle / CHECKSUMS).write_text("".join(sums))
        if name == CARD:
            read_bundle(bundle)
            continue
        with pytest.raises(InputError, match=name):
            read_bundle(bundle)


def test_an_onnx_file_runs_nothing_and_reads_no_other_file(canary: Canary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pickle\.onnx cannot be read"):
        OnnxModel(written(canary, tmp_path / "pickle.onnx"))
    (tmp_path / "secret").write_bytes(np.ones(4, np.float32).tobytes())
    (tmp_path / "sent").mkdir()
    for location in ("../secret", str(tmp_path / "secret")):
        weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
        shapes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in ("L", "ab")]
        add = helper.make_node("Add", ["L", "w"], ["ab"])
        graph = helper.make_graph([add], "g", shapes[:1], shapes[1:], [weights])
        onnx.save(helper.make_model(graph, ir_version=9), tmp_path / "sent" / "m.onnx")
        with pytest.raises(InputError, match=r"m\.onnx cannot be read: .*[Ee]xternal data"):
            OnnxModel(tmp_path / "sent" / "m.onnx")


def test_the_config_of_a_run_folder_makes_no_objects(tmp_path: Path, canary: Canary) -> None:
    (tmp_path / "config").mkdir()
    code = f"!!python/object/apply:builtins.open [{canary.marker}, w]"
    for name in ("config.yaml", "hydra.yaml"):
        (tmp_path / "config" / name).write_text(f"seed: {code}\nhydra: {code}\n")
    with pytest.raises(InputError, match=r"its config/ cannot be read"):
        expand_from(["--from", str(tmp_path)])
    with pytest.raises(Exception, match="could not determine a constructor"):
        read_start(tmp_path)


def test_the_listing_of_a_run_folder_runs_nothing(tmp_path: Path, canary: Canary) -> None:
    for content in (pickle.dumps(canary), b"[1]", b'{"train": [], "val": 3}', b"[" * 10**5):
        (tmp_path / PHOTOGRAPHS).write_bytes(content)
        with pytest.raises(InputError, match=r"photographs\.json is damaged; delete it"):
            check_photographs(tmp_path, {"train": {}, "val": {}, "test": {}})


def study_with(text: bytes, path: Path) -> Path:
    """A study with something else in every column that holds JSON or text of ours."""
    study = open_study(path, warmup=1)
    check_space(study, SPACE, {}, path)
    ask(study, SPACE, seed=0)
    with sqlite3.connect(path) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master")]
        for table, column in (
            ("study_user_attributes", "value_json"),
            ("study_system_attributes", "value_json"),
            ("trial_user_attributes", "value_json"),
            ("trial_system_attributes", "value_json"),
            ("trial_params", "distribution_json"),
        ):
            assert table in tables
            database.execute(f"UPDATE {table} SET {column} = ?", (text,))
    return path


def test_a_sweep_folder_and_its_study_run_nothing(canary: Canary, tmp_path: Path) -> None:
    for text in (pickle.dumps(canary), pickle.dumps(canary).hex().encode(), b"{}"):
        path = study_with(text, tmp_path / hashlib.sha256(text).hexdigest()[:8] / "study.db")
        with pytest.raises(InputError, match=r"study\.db cannot be used as the study of a search"):
            open_study(path, warmup=1)
    with pytest.raises(InputError, match="cannot be used as the study"):
        open_study(written(canary, tmp_path / "pickle.db"), warmup=1)
    written(canary, tmp_path / PLAN)
    with pytest.raises(InputError, match=r"sweep\.json is damaged"):
        read_jobs(tmp_path)
    (tmp_path / PLAN).write_text('{"jobs": {"0": ["seed=0"]}}')
    (tmp_path / "0" / "tensorboard").mkdir(parents=True)
    written(canary, tmp_path / "0" / "results.json")
    written(canary, tmp_path / "0" / "tensorboard" / "events.out.tfevents.1.a.1.0")
    report_sweep(tmp_path)


def test_hints_and_results_run_nothing(canary: Canary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a readable file of hints"):
        read_hints(written(canary, tmp_path / "hints.json"))
    with pytest.raises(InputError):
        compare_runs([str(written(canary, tmp_path / "results.json"))], tmp_path / "table.md")


def test_an_archive_runs_nothing_and_stays_in_its_folder(canary: Canary, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("Images/link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)
        archive.add(written(canary, tmp_path / "x"), "Images/link/x")
    for path in (tmp_path / "a.tar", written(canary, tmp_path / "pickle.tar")):
        with pytest.raises(InputError, match="cannot be unpacked"):
            unpack(path, "Images", tmp_path / "to", list)
    assert not list(outside.iterdir())
    assert not (tmp_path / "to").exists()


def test_lists_of_dogs_run_nothing(canary: Canary, tmp_path: Path) -> None:
    (tmp_path / "Images").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "Images" / "a.png")
    dogs = StanfordDogs(
        name="dogs", root=str(tmp_path), size=16, train=1, val=1, test=1, split_seed=0,
        max_pixels=10**6,
    )  # fmt: skip
    written(canary, dogs.list_file("train"))
    with pytest.raises(InputError, match=r"train_list\.mat is not a list of Stanford Dogs"):
        dogs.names("train")
    dogs.list_file("train").write_bytes(bytes(1_000_001))
    with pytest.raises(InputError, match=r"train_list\.mat is not a list of Stanford Dogs"):
        dogs.names("train")


def test_a_picture_starts_no_program(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow has Ghostscript draw what is PostScript, whatever the file is called."""
    (tmp_path / "bin").mkdir()
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {canary.marker}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
    for name, content in {"a.jpg": postscript, "b.png": pickle.dumps(canary)}.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnusablePhotographError):
            read_photograph(path, 32, 10**6)
        with pytest.raises(UnreadableError):
            read_picture(path, 10**6)
