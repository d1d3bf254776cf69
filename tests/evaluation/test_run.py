"""Whole evaluations: what they hold, what they leave out, and how they refuse."""

import csv
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from colorization.color import AB_SCALE
from colorization.data.synthetic import MATERIALS, SyntheticScenes
from colorization.errors import InputError
from colorization.evaluation.measures import COLUMNS
from colorization.evaluation.models import choose_labels
from colorization.evaluation.run import evaluate
from colorization.evaluation.scoring import open_pool
from colorization.inference.album import colorize_album
from colorization.metrics.mse import ab_mse
from colorization.metrics.weights import Weights
from colorization.models.baselines import BASELINES
from colorization.models.export import export_model
from colorization.models.registry import SHIPPED
from colorization.settings import compose as config
from colorization.settings.commands import Evaluate, Train
from colorization.settings.fields import Target
from colorization.training.run import train
from tests.cli.test_colorize import settings as colorize_settings
from tests.conftest import OFFLINE

LABEL = "small/run"


@dataclass(kw_only=True)
class NeedsMore(Target):
    _target_: str = "needs_more.Network"


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
    assert own["native_is_own"]
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
            weights = np.ones(7)
            if metric == "auc_rebalanced":
                weights = column(folder, dataset, track, LABEL, "rarity")
            mean = (values * weights).sum() / weights.sum()
            assert estimate["mean"] == pytest.approx(mean, rel=1e-4, abs=1e-6)
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
        for track in about["tracks"].values():
            mse = {name: row.get("mse", {}).get("mean") for name, row in track["scores"].items()}
            assert mse["best constant"] <= min(mse["gray"], mse["mean of synthetic"])
            assert mse[f"ceiling of {LABEL}"] < mse[LABEL]


def test_best_constant_of_the_native_track_is_of_whole_photographs(
    checkpoint: Path, asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    flag = np.full((20, 200, 3), (200, 40, 40), dtype=np.uint8)
    flag[:, 90:110] = (40, 160, 40)
    (tmp_path / "flags").mkdir()
    Image.fromarray(flag).save(tmp_path / "flags" / "one.png")
    found = evaluate(asked(checkpoint, f"datasets={tmp_path}/flags", "metrics=mse"), tmp_path / "e")
    (about,) = found["datasets"].values()
    for track in about["tracks"].values():
        mse = {name: row["mse"]["mean"] for name, row in track["scores"].items()}
        assert mse["best constant"] <= min(value for name, value in mse.items() if "mean" in name)
        assert track["scores"]["gray"]["mse"]["low"] is None, "one photograph has no interval"


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
    path = trained_on(
        photographs, settings, tmp_path, "dataset.train=5", "dataset.val=3", "dataset.test=2"
    )
    found = evaluate(asked(path, f"datasets={photographs}", *MSE), tmp_path / "e")
    (about,) = found["datasets"].values()
    assert (about["photographs"], len(about["trained_on"])) == (12, 8)


def test_the_test_split_of_a_dataset_in_data_dir_is_scored_unasked(
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
) -> None:
    photographs.rename(tmp_path / "scenes")
    words = ["dataset=scenes", "dataset.train=5", "dataset.val=3", "dataset.test=2"]
    train(settings(*words, f"data_dir={tmp_path}"), tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    found = evaluate(asked(best, *MSE, f"data_dir={tmp_path}"), tmp_path / "e")
    own = found["datasets"]["scenes"]
    assert (own["photographs"], own["trained_on"]) == (2, [])


def test_near_gray_and_unusable_photographs_are_listed(
    checkpoint: Path, asked: Callable[..., Evaluate], photographs: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), (90, 90, 90)).save(photographs / "gray.png")
    (photographs / "text.png").write_text("no picture")
    found = evaluate(asked(checkpoint, f"datasets=[{photographs}]", "metrics=[mse]"), tmp_path)
    (about,) = found["datasets"].values()
    assert about["near_gray"] == ["gray.png"]
    assert about["unusable"] == {"text.png": "not a picture"}
    assert about["photographs"] == 20
    report = (tmp_path / "report.md").read_text()
    assert "1 are near-gray and left out: gray.png." in report
    assert "1 cannot be used: text.png." in report


def test_the_native_track_scores_what_users_get(
    checkpoint: Path, asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    """The PSNR of a photograph is that of the PNG which colouring it writes."""
    (tmp_path / "in").mkdir()
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((171, 120), Image.Resampling.BICUBIC)
    image.save(tmp_path / "in" / "a.jpg", quality=90)
    image.transpose(Image.Transpose.ROTATE_90).crop((0, 0, 20, 171)).save(tmp_path / "in" / "b.png")
    found = torch.load(checkpoint, weights_only=True)
    found["hyper_parameters"]["strength"] = 9.0  # so that some colours lie outside sRGB
    path = tmp_path / "vivid.ckpt"
    torch.save(found, path)
    words = ["tracks=native", "metrics=[psnr]", f"datasets={tmp_path}/in"]
    evaluate(asked(path, *words), tmp_path / "e")
    with (tmp_path / "e" / "scores.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["predictor"].endswith("vivid")]
    psnr = {row["photograph"]: float(row["psnr"]) for row in rows if "of" not in row["predictor"]}
    for name in ("a.jpg", "b.png"):
        words = [f"input={tmp_path}/in/{name}", f"output={tmp_path}/{name}.png", f"model={path}"]
        words += ["accelerator=cpu", "recolor=true"]
        assert not colorize_album(**colorize_settings(*words)).failed
        written = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(float)
        true = np.asarray(Image.open(tmp_path / "in" / name)).astype(float)
        expected = 10 * np.log10(255**2 / np.square(written - true).mean())
        assert psnr[name] == pytest.approx(expected, abs=1e-4)


def test_predictions_that_are_not_finite_are_an_error_that_names_the_model(
    checkpoint: Path, asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    found = torch.load(checkpoint, weights_only=True)
    for name, weight in found["state_dict"].items():
        if name.startswith("network."):
            weight.copy_(3e38 * torch.randn_like(weight).sign())  # finite, but not their sums
    path = tmp_path / "nan.ckpt"
    torch.save(found, path)
    Image.new("L", (40, 30), 90).save(tmp_path / "a.png")
    words = [f"input={tmp_path}/a.png", f"output={tmp_path}/b.png", f"model={path}"]
    (reason,) = colorize_album(**colorize_settings(*words)).failed.values()
    assert reason.startswith(f"{path} predicts values that are not finite")
    assert not (tmp_path / "b.png").exists()
    for track in ("own", "native"):
        with pytest.raises(InputError, match=r"nan\.ckpt predicts values that are not finite"):
            evaluate(asked(path, *MSE[:1], f"tracks={track}"), tmp_path / track)


def test_checkpoints_stand_side_by_side(
    checkpoint: Path, asked: Callable[..., Evaluate], settings: Callable[..., Train], tmp_path: Path
) -> None:
    train(settings("dataset.size=24", "dataset.seed=3"), tmp_path / "other" / "run")
    other = tmp_path / "other" / "run" / "checkpoints" / "best.ckpt"
    both = asked([checkpoint, other], "datasets=synthetic", "metrics=mse")
    found = evaluate(both, tmp_path / "e")
    tracks = found["datasets"]["synthetic"]["tracks"]
    assert list(tracks) == ["own_16", "own_24", "native"]
    networks = {name: {"small/run", "other/run"} & set(t["scores"]) for name, t in tracks.items()}
    assert networks["own_16"] == {"small/run"}
    assert networks["own_24"] == {"other/run"}
    assert networks["native"] == {"small/run", "other/run"}
    assert "L table of synthetic'" in tracks["native"]["scores"], "two sets of one name"
    report = (tmp_path / "e" / "report.html").read_text()
    for title in (track["title"] for track in tracks.values()):
        for table in ("What became of hues", "MSE of ab/128"):
            assert report.count(f"{table}, {title}") == 1
    with pytest.raises(InputError, match="the same model is given twice"):
        evaluate(asked([checkpoint, checkpoint]), tmp_path / "f")


def test_a_folder_that_has_grown_does_not_hide_what_was_seen(
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
) -> None:
    path = trained_on(photographs, settings, tmp_path, "dataset.train=5", "dataset.val=3")
    for index in range(30):
        pixels = np.random.default_rng(100 + index).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photographs / f"later_{index}.png")
    found = evaluate(asked(path, f"datasets={photographs}", *MSE), tmp_path / "e")
    (about,) = found["datasets"].values()
    assert (about["photographs"], len(about["trained_on"])) == (42, 8)
    assert not any("later" in name for name in about["trained_on"])
    (path.parent.parent / "baselines.pt").unlink()
    again = evaluate(asked(path, f"datasets={photographs}", *MSE), tmp_path / "f")
    assert (
        "has no baselines: its training set has changed since"
        in again["checkpoints"]["a/run"]["missing"]
    )
    (about,) = again["datasets"].values()
    assert list(about["tracks"]["own_16"]["scores"])[:2] == ["gray", "best constant"]


def test_checkpoint_from_elsewhere_has_the_baselines_of_its_run(
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    photographs: Path,
    tmp_path: Path,
) -> None:
    path = trained_on(photographs, settings, tmp_path, "dataset.train=5", "dataset.val=2")
    photographs.rename(tmp_path / "moved")
    moved = f"datasets={tmp_path}/moved"
    found = evaluate(asked(path, moved, *MSE), tmp_path / "e")
    assert found["checkpoints"]["a/run"]["missing"] == ""
    (about,) = found["datasets"].values()
    assert "L table of folder" in about["tracks"]["own_16"]["scores"]
    assert len(about["trained_on"]) == 7
    kept = about["tracks"]["own_16"]["scores"]["L table of folder"]["mse"]["mean"]

    (path.parent.parent / "baselines.pt").unlink()
    lost = evaluate(asked(path, moved, *MSE), tmp_path / "f")
    assert (
        "has no baselines: its training set is not here: "
        in lost["checkpoints"]["a/run"]["missing"]
    )
    assert (
        "has no baselines: its training set is not here: "
        in (tmp_path / "f" / "report.md").read_text()
    )
    (tmp_path / "moved").rename(tmp_path / "photographs")
    named = f"datasets={tmp_path}/photographs"
    again = evaluate(asked(path, named, *MSE, f"data_dir={tmp_path}"), tmp_path / "g")
    (about,) = again["datasets"].values()
    fitted = about["tracks"]["own_16"]["scores"]["L table of folder"]["mse"]["mean"]
    assert fitted == pytest.approx(kept, rel=1e-6)


MSE = ("metrics=mse", "tracks=own")


def trained_on(folder: Path, settings: Callable[..., Train], place: Path, *counts: str) -> Path:
    """The best checkpoint of a small run on a folder."""
    train(settings("dataset=folder", f"dataset.root={folder}", *counts), place / "a" / "run")
    return place / "a" / "run" / "checkpoints" / "best.ckpt"


def test_datasets_of_one_name_are_both_scored_and_repeated_ones_once(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    settings: Callable[..., Train],
    tmp_path: Path,
) -> None:
    train(settings("dataset.seed=3"), tmp_path / "other" / "run")
    second = tmp_path / "other" / "run" / "checkpoints" / "best.ckpt"
    found = evaluate(asked([checkpoint, second], *MSE), tmp_path / "e")
    assert list(found["datasets"]) == ["synthetic", "synthetic'"]
    twice = asked(checkpoint, "datasets=[synthetic,synthetic]", *MSE)
    evaluate(twice, tmp_path / "f")
    assert len(column(tmp_path / "f", "synthetic", "own_16", "gray", "mse")) == 2


def test_large_and_odd_photographs_are_scored(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, size in {"wide": (8, 5000), "caf\udce9": (20, 20), "small": (8, 8)}.items():
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    words = [f"datasets={folder}", "metrics=[mse,ssim,ciede2000]", "tracks=native"]
    found = evaluate(asked(checkpoint, *words), tmp_path / "e")["datasets"][str(folder)]
    monkeypatch.setattr("colorization.evaluation.scoring.LARGE", 100)
    again = evaluate(asked(checkpoint, *words), tmp_path / "f")["datasets"][str(folder)]
    assert found["photographs"] == 3
    assert again["tracks"] == found["tracks"]
    assert "caf\\udce9" in (tmp_path / "e" / "scores.csv").read_text()


def test_scoring_leaves_pytorch_as_many_threads_as_it_had() -> None:
    def threads() -> int:
        """Of a thread that is new."""
        with ThreadPoolExecutor(1) as one:
            return one.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with open_pool() as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
        assert (torch.get_num_threads(), threads()) == (2, 2)
    finally:
        torch.set_num_threads(before)


def test_fid_and_kid_stand_in_the_tables(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    class Brightness:
        """Features (B,2048) that know the mean colour."""

        weights = Weights("mean", "0123")

        def __init__(self, device: torch.device, path: Path | None) -> None:
            assert path is None

        def __call__(self, rgb: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pad(rgb.float().mean(dim=(2, 3)), (0, 2045))

    monkeypatch.setattr("colorization.evaluation.measures.Inception", Brightness)
    found = evaluate(asked(checkpoint, "metrics=[fid,kid]", "tracks=own"), tmp_path)
    scores = found["datasets"]["synthetic"]["tracks"]["own_16"]["scores"]
    ceiling = scores[f"ceiling of {LABEL}"]["fid"]["mean"]
    assert ceiling < scores["gray"]["fid"]["mean"]
    assert scores[LABEL]["kid"]["mean"] is None, "two photographs are too few"
    report = (tmp_path / "report.md").read_text()
    assert "FID of fewer than 5,000 photographs is mostly bias." in report
    assert found["weights"] == {"inception": {"file": "mean", "sha256": "0123"}}


def test_names_stay_inside_the_report_folder(
    checkpoint: Path, asked: Callable[..., Evaluate], photographs: Path, tmp_path: Path
) -> None:
    assert choose_labels(["/a/b/run/checkpoints/best.ckpt"]) == ["b/run"]
    assert choose_labels(["/best.ckpt"]) == ["best"]
    assert choose_labels(["/x/run/checkpoints/last.ckpt"]) == ["run/last"]
    evaluate(asked(checkpoint, f"datasets={photographs}/deeper/../deeper", *MSE), tmp_path / "e")
    runs = [path.parent.parent for path in (tmp_path / "e").rglob("events.*")]
    assert runs == [tmp_path / "e" / "tensorboard"]


def test_bins_are_decoded_as_it_is_asked(
    settings: Callable[..., Train], asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    choices = ["objective=bins", "network=unet", "network.width=8", "trainer.max_epochs=3"]
    train(settings(*choices, "optimizer.lr=1e-2"), tmp_path)
    path = tmp_path / "checkpoints" / "best.ckpt"
    own = ["tracks=own", "metrics=[mse,colorfulness]"]

    def scores(*overrides: str) -> dict[str, float]:
        found = evaluate(asked(path, *own, *overrides), tmp_path / "e")
        (track,) = found["datasets"]["synthetic"]["tracks"].values()
        (label,) = found["checkpoints"]
        network = track["scores"][label]
        return {metric: network[metric]["mean"] for metric in network}

    as_trained, mean, mode = scores(), scores("temperature=1"), scores("temperature=0.01")
    assert scores("temperature=0.38") == as_trained
    assert mode["colorfulness"] > as_trained["colorfulness"] > mean["colorfulness"]
    assert scores("flip_average=true") != as_trained


@pytest.mark.parametrize("is_first", [True, False])
def test_a_bundle_is_scored_as_its_checkpoint_beside_it(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    is_first: bool,
) -> None:
    bundle = tmp_path / "shared.model"
    export_model(str(checkpoint), output=str(bundle), precision="single")
    both = [bundle, checkpoint] if is_first else [checkpoint, bundle]
    found = evaluate(asked(both, "metrics=[mse,psnr]", "hints=[2]"), tmp_path / "e")
    assert list(found["datasets"]) == ["synthetic"], "what the checkpoint was trained on"
    (track,) = found["datasets"]["synthetic"]["tracks"].values()
    name = f"{tmp_path.name}/shared.model"
    assert track["scores"][name] == track["scores"][LABEL]
    assert track["hints"][name] == track["hints"][LABEL]
    assert "mean of synthetic" in track["scores"]
    assert track["against_baselines"][name]["baseline"] == "gray"
    missing = f"{bundle} is a bundle: it has no tables of averages, and no record of the"
    assert found["checkpoints"][name]["missing"].startswith(missing)
    assert missing in caplog.text
    for report in ("report.md", "report.html"):
        assert "so some of them may be scored." in (tmp_path / "e" / report).read_text()


def test_a_shipped_model_is_named_as_it_is_typed(
    asked: Callable[..., Evaluate], photographs: Path, tmp_path: Path
) -> None:
    words = (f"datasets={photographs}/deeper", "metrics=mse", "tracks=own")
    models = [Path("default"), Path("open")]
    found = evaluate(asked(models, *words), tmp_path / "e")
    assert list(found["checkpoints"]) == ["default", "open"]
    (about,) = found["datasets"].values()
    assert {"gray", "best constant", "default"} <= set(about["tracks"]["own_224"]["scores"])
    for models, message in {
        ("default",): "a bundle does not know where its photographs are; set datasets",
        ("default", "default"): "the same model is given twice: default, default",
        (SHIPPED / "default" / "model.onnx",): "is an ONNX file; give the checkpoint or bundle",
    }.items():
        with pytest.raises(InputError, match=message):
            evaluate(asked([*map(Path, models)], "metrics=mse"), tmp_path / "f")


def test_an_empty_folder_is_named_before_weights_are_fetched(
    checkpoint: Path, asked: Callable[..., Evaluate], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    words = (f"datasets={tmp_path}/empty", "metrics=lpips", "alexnet=/nowhere.pth")
    with pytest.raises(InputError, match=r"no photographs .* in .*empty"):
        evaluate(asked(checkpoint, *words), tmp_path / "e")


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
        ("temperature=0.5",): r"temperature is of colour bins, which this model does not predict",
        ("metrics=[mse,nice]",): r"unknown metric 'nice'; known: mse, psnr, .*lpips, fid, kid",
        ("datasets=[cats]",): "no dataset cats: it is none of dogs, everyday, faces, mixed, scenes",
        (f"datasets=[{tmp_path}/empty]",): "no photographs .* in .*empty",
        (f"datasets=[{tmp_path}/gray]",): "no photograph of .*gray can be scored: of 1, 1 are near",
    }.items():
        with pytest.raises(InputError, match=message):
            evaluate(asked(checkpoint, *overrides), tmp_path / "e")
    with pytest.raises(InputError, match=r"no model .*absent\.ckpt: give the path of a checkp"):
        evaluate(asked(tmp_path / "absent.ckpt"), tmp_path / "e")
    for override, message in {
        "tracks=[wide]": "tracks is 'wide'; it must be one of: own, native",
        "tracks=[]": r"tracks is \[\]; it must be a word, or a list of words",
        "metrics=3": "metrics is 3; it must be a word, or a list of words",
        "temperature=0": "temperature is 0.0; it must be at least 0.001",
        "batch_size=0": "batch_size is 0; it must be at least 1",
        "accelerator=tpu": "accelerator is 'tpu'; it must be one of",
    }.items():
        with pytest.raises(InputError, match=message):
            asked(checkpoint, override)
    with pytest.raises(InputError, match=r"checkpoint is \[\]; it must be a word, or a list"):
        asked([])
    assert not (tmp_path / "e" / "scores.csv").exists()

    (tmp_path / "needs_more.py").write_text("import a_package_that_nobody_has")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(config, "TARGETS", config.TARGETS | {"needs_more.Network"})
    monkeypatch.setitem(config.SCHEMAS["network"], "needs_more", NeedsMore)
    content = torch.load(checkpoint, weights_only=True)
    foreign = {**content, "datamodule_hyper_parameters": {}}
    torch.save(foreign, tmp_path / "foreign.ckpt")
    with pytest.raises(InputError, match=r"foreign\.ckpt is not a checkpoint of src\.train"):
        evaluate(asked(tmp_path / "foreign.ckpt"), tmp_path / "e")
    content["hyper_parameters"]["network"] = {"_target_": "needs_more.Network"}
    torch.save(content, tmp_path / "needs.ckpt")
    message = "needs_more.Network needs what is not installed: .*a_package_that_nobody_has"
    with pytest.raises(InputError, match=message):
        evaluate(asked(tmp_path / "needs.ckpt"), tmp_path / "e")
