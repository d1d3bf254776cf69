"""Whole evaluations: what they hold, what they leave out, and how they refuse."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from src import config
from src.baselines import BASELINES
from src.color import AB_SCALE
from src.config import Evaluate, Train
from src.data.synthetic import MATERIALS, SyntheticScenes
from src.errors import InputError
from src.evaluate import evaluate
from src.evaluation.measures import COLUMNS
from src.metrics.mse import ab_mse
from src.train import train
from tests.evaluation.conftest import OFFLINE

LABEL = "small/run"
METRICS = OFFLINE.partition("[")[2].rstrip("]").split(",")


def column(folder: Path, dataset: str, track: str, predictor: str, metric: str) -> np.ndarray:
    """One column of scores.csv."""
    with (folder / "scores.csv").open() as file:
        rows = [
            float(row[metric])
            for row in csv.DictReader(file)
            if (row["dataset"], row["track"], row["predictor"]) == (dataset, track, predictor)
        ]
    return np.array(rows)


def test_every_row_stands_in_every_track(evaluated: tuple[Path, dict[str, Any]]) -> None:
    _, found = evaluated
    fitted = [f"{name} of synthetic" for name in BASELINES if name != "gray"]
    rows = ["gray", *fitted, "best constant", LABEL, f"ceiling of {LABEL}", "truth"]
    datasets = found["datasets"]
    own, folder = datasets.values()
    assert list(own["tracks"]) == ["own_16"], "16 px scenes are their own native resolution"
    assert own["is_own_size"]
    assert list(folder["tracks"]) == ["own_16", "native"]
    for about in datasets.values():
        for track in about["tracks"].values():
            assert list(track["scores"]) == rows
            assert list(track["scores"][LABEL]) == METRICS


def test_means_are_those_of_the_photographs(evaluated: tuple[Path, dict[str, Any]]) -> None:
    folder, found = evaluated
    (_, (dataset, about)) = found["datasets"].items()
    assert about["photographs"] == 7
    for track, numbers in about["tracks"].items():
        for metric in METRICS:
            values = column(folder, dataset, track, LABEL, metric)
            assert len(values) == 7
            estimate = numbers["scores"][LABEL][metric]
            if metric != "auc_rebalanced":  # weighted
                assert estimate["mean"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-6)
            assert values.min() <= estimate["low"] <= estimate["mean"] + 1e-6
            assert estimate["mean"] <= estimate["high"] + 1e-6 <= values.max() + 2e-6


def test_own_track_repeats_the_scores_that_training_ended_with(
    checkpoint: Path, evaluated: tuple[Path, dict[str, Any]]
) -> None:
    trained = json.loads((checkpoint.parent.parent / "results.json").read_text())["test"]
    scores = evaluated[1]["datasets"]["synthetic"]["tracks"]["own_16"]["scores"]
    for ours, theirs in ((LABEL, "network"), ("L table of synthetic", "L table")):
        for metric in ("mse", "psnr", "rgb_absolute", "rgb_signed"):
            assert scores[ours][metric]["mean"] == pytest.approx(trained[theirs][metric], rel=1e-3)


def test_ceiling_and_best_constant_bound_what_they_should(
    evaluated: tuple[Path, dict[str, Any]],
) -> None:
    for about in evaluated[1]["datasets"].values():
        scores = about["tracks"]["own_16"]["scores"]
        mse = {name: row["mse"]["mean"] for name, row in scores.items()}
        assert mse["best constant"] <= min(mse["gray"], mse["mean of synthetic"])
        assert mse[f"ceiling of {LABEL}"] < mse[LABEL]


def test_report_folder_is_complete(evaluated: tuple[Path, dict[str, Any]]) -> None:
    folder, found = evaluated
    assert json.loads((folder / "results.json").read_text()) == json.loads(json.dumps(found))
    assert not list(folder.rglob(".*")), "something half-written was left"
    text = (folder / "report.md").read_text()
    assert f"| **{LABEL}** |" in text
    assert all(COLUMNS[metric][0] in text for metric in METRICS)
    runs = list((folder / "tensorboard").rglob("events.*"))
    assert len(runs) == 3
    for run in runs:
        events = EventAccumulator(str(run.parent)).Reload()
        assert "evaluate/ciede2000" in events.Tags()["scalars"]


def test_mean_and_best_predictor_meet_their_analytic_errors(
    checkpoint: Path, asked: Callable[..., Evaluate], settings: Callable[..., Train], tmp_path: Path
) -> None:
    sizes = ["dataset.train=80", "dataset.test=120", "data.batch_size=80"]
    train(settings(*sizes), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    only = ["metrics=[mse]", "tracks=[own]"]
    found = evaluate(asked(path, *only), tmp_path / "evaluation")["datasets"]["synthetic"]
    dataset = SyntheticScenes("synthetic", 16, 80, 2, 120, 0)
    expected = mean_error(dataset, "train", "test")
    values = column(tmp_path / "evaluation", "synthetic", "own_16", "mean of synthetic", "mse")
    assert abs(values.mean() - expected) < 3 * values.std() / math.sqrt(len(values))
    best = np.array([oracle_error(dataset, index) for index in range(120)])
    assert abs(best.mean() - found["best_possible_mse"]) < 3 * best.std() / math.sqrt(len(best))
    assert found["best_possible_mse"] < expected


def material_shares(dataset: SyntheticScenes, split: str) -> torch.Tensor:
    """Share of the pixels of a split that each material has."""
    indices = [dataset.scene(split, index)[2] for index in range(dataset.counts[split])]
    return torch.bincount(torch.stack(indices).flatten(), minlength=len(MATERIALS)).double() / (
        dataset.counts[split] * dataset.size**2
    )


def mean_error(dataset: SyntheticScenes, learned: str, tested: str) -> float:
    """Expected error of the mean colour of one split on another, from the materials alone."""
    colors = torch.tensor([np.mean(m.colors, axis=0).tolist() for m in MATERIALS.values()])
    variances = torch.tensor([material.variance for material in MATERIALS.values()])
    mean = (material_shares(dataset, learned)[:, None] * colors).sum(0)
    errors = variances + (colors - mean).square().mean(dim=1)
    return float((material_shares(dataset, tested) * errors).sum()) / AB_SCALE**2


def oracle_error(dataset: SyntheticScenes, index: int) -> float:
    """Error on a test scene of who knows every pixel's material, by the project's own metric."""
    _, ab, materials = dataset.scene("test", index)
    colors = torch.tensor([np.mean(m.colors, axis=0).tolist() for m in MATERIALS.values()])
    return ab_mse(colors[materials].permute(2, 0, 1)[None].float(), ab).item()


def test_photographs_seen_in_training_are_left_out(
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
) -> None:
    one_folder = ["dataset=folder", f"dataset.root={photographs}", "dataset.train=5"]
    train(settings(*one_folder, "dataset.val=3", "dataset.test=2"), tmp_path / "a" / "run")
    path = tmp_path / "a" / "run" / "checkpoints" / "best.ckpt"
    mse = ["metrics=[mse]", "tracks=[own]"]
    found = evaluate(asked(path, f"datasets=[{photographs}]", *mse), tmp_path / "e")
    (about,) = found["datasets"].values()
    assert (about["photographs"], len(about["trained_on"])) == (12, 8)
    own = evaluate(asked(path, *mse), tmp_path / "f")["datasets"]["folder"]
    assert (own["photographs"], own["trained_on"]) == (2, [])


def test_near_gray_and_unusable_photographs_are_listed(
    checkpoint: Path, asked: Callable[..., Evaluate], photographs: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), (90, 90, 90)).save(photographs / "gray.png")
    (photographs / "text.png").write_text("no picture")
    found = evaluate(asked(checkpoint, f"datasets=[{photographs}]", "metrics=[mse]"), tmp_path)
    (about,) = found["datasets"].values()
    assert about["near_gray"] == ["gray.png"]
    assert about["unusable"] == {"text.png": "not an image"}
    assert about["photographs"] == 20
    report = (tmp_path / "report.md").read_text()
    assert "1 are near-gray and left out: gray.png." in report
    assert "1 cannot be used: text.png." in report


def test_checkpoints_stand_side_by_side(
    checkpoint: Path, asked: Callable[..., Evaluate], settings: Callable[..., Train], tmp_path: Path
) -> None:
    train(settings("dataset.size=24", "dataset.seed=3"), tmp_path / "other" / "run")
    other = tmp_path / "other" / "run" / "checkpoints" / "best.ckpt"
    found = evaluate(asked([checkpoint, other], "metrics=[mse]"), tmp_path / "e")
    tracks = found["datasets"]["synthetic"]["tracks"]
    assert list(tracks) == ["own_16", "own_24", "native"]
    networks = {name: {"small/run", "other/run"} & set(t["scores"]) for name, t in tracks.items()}
    assert networks["own_16"] == {"small/run"}
    assert networks["own_24"] == {"other/run"}
    assert networks["native"] == {"small/run", "other/run"}
    assert "L table of synthetic'" in tracks["native"]["scores"], "two sets of one name"
    with pytest.raises(InputError, match="the same checkpoint is given twice"):
        evaluate(asked([checkpoint, checkpoint]), tmp_path / "f")


def test_checkpoint_from_elsewhere_has_the_baselines_of_its_run(
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
) -> None:
    folder = ["dataset=folder", f"dataset.root={photographs}", "dataset.train=5"]
    train(settings(*folder, "dataset.val=2"), tmp_path / "a" / "run")
    photographs.rename(tmp_path / "moved")
    path = tmp_path / "a" / "run" / "checkpoints" / "best.ckpt"
    mse = ["metrics=[mse]", "tracks=[own]"]
    found = evaluate(asked(path, f"datasets=[{tmp_path}/moved]", *mse), tmp_path / "e")
    assert "is not here: no folder" in found["checkpoints"]["a/run"]["missing"]
    (about,) = found["datasets"].values()
    assert "L table of folder" in about["tracks"]["own_16"]["scores"]
    (tmp_path / "moved").rename(tmp_path / "photographs")
    again = evaluate(asked(path, *mse, f"data_dir={tmp_path}"), tmp_path / "f")
    assert again["checkpoints"]["a/run"]["missing"] == ""


def test_what_cannot_be_evaluated_is_named(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "gray").mkdir()
    Image.new("RGB", (20, 20), (90, 90, 90)).save(tmp_path / "gray" / "a.png")
    (tmp_path / "empty").mkdir()
    for overrides, message in {
        ("metrics=[mse,nice]",): r"unknown metric 'nice'; known: mse, psnr, .*lpips, fid, kid",
        ("datasets=[cats]",): "no dataset cats: it is none of dogs, faces, scenes, synthetic, and",
        (f"datasets=[{tmp_path}/empty]",): "no photographs .* in .*empty",
        (f"datasets=[{tmp_path}/gray]",): "no photograph of .*gray can be scored: of 1, 1 are near",
    }.items():
        with pytest.raises(InputError, match=message):
            evaluate(asked(checkpoint, *overrides), tmp_path / "e")
    with pytest.raises(InputError, match=r"no checkpoint .*absent\.ckpt"):
        evaluate(asked(tmp_path / "absent.ckpt"), tmp_path / "e")
    for override, message in {
        "tracks=[wide]": "tracks is 'wide'; it must be one of: own, native",
        "tracks=[]": "tracks is empty",
        "batch_size=0": "batch_size is 0; it must be at least 1",
        "accelerator=tpu": "accelerator is 'tpu'; it must be one of",
    }.items():
        with pytest.raises(InputError, match=message):
            asked(checkpoint, override)
    with pytest.raises(InputError, match="checkpoint must be set to a path, or to a list of paths"):
        asked([])
    assert not (tmp_path / "e" / "scores.csv").exists()

    (tmp_path / "needs_more.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(config, "TARGETS", config.TARGETS | {"needs_more.Network"})
    content = torch.load(checkpoint, weights_only=True)
    content["hyper_parameters"]["network"] = {"_target_": "needs_more.Network"}
    torch.save(content, tmp_path / "needs.ckpt")
    message = "needs_more.Network needs what is not installed: .*a_package_that_nobody_has"
    with pytest.raises(InputError, match=message):
        evaluate(asked(tmp_path / "needs.ckpt"), tmp_path / "e")
