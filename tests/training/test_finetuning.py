"""A training that begins with the weights of a trained model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from pytorch_lightning.callbacks import Callback

from colorization.errors import InputError
from colorization.models.bundle import read_bundle, read_model, write_bundle
from colorization.models.checkpoints import DATA, read_checkpoint
from colorization.networks import pretrained
from colorization.settings.commands import Train
from colorization.settings.compose import CONF, parse_config
from colorization.training.colorizer import Colorizer
from colorization.training.finetuning import summarize_gain
from colorization.training.run import build_parts, train

SHORT = ("experiment=finetune", "trainer.max_epochs=1", "trainer.ema=null")


@pytest.mark.parametrize("name", ["default", "open"])
def test_recipe_begins_as_a_shipped_model(settings: Callable[..., Train], name: str) -> None:
    colorizer, _ = build_parts(settings(*SHORT, f"finetune={name}"))
    theirs = read_model(name).predictor.network.state_dict()
    own = colorizer.network.state_dict()
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[key], theirs[key]) for key in theirs)


@pytest.fixture(scope="module")
def run(settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An epoch so careful that the weights stay; those of the encoder's package are not there."""
    folder = tmp_path_factory.mktemp("run")
    words = (*SHORT, "finetune=open", "optimizer.lr=1e-9")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "read_packaged_weights", lambda name: pytest.fail("read"))
        train(settings(*words), folder)
    return folder


def test_it_trains_on_without_the_weights_of_its_encoder(run: Path) -> None:
    base = read_model("open").predictor.network.state_dict()
    found = read_checkpoint(run / "checkpoints/last.ckpt")["state_dict"]
    assert all(torch.allclose(found[f"network.{key}"], base[key], atol=1e-6) for key in base)
    assert any(not torch.equal(found[f"network.{key}"], base[key]) for key in base)


def test_a_checkpoint_is_trained_on_and_resumed_without_it(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    first = tmp_path / "first"
    train(settings("network=unet", "network.width=8"), first)
    best = first / "checkpoints/best.ckpt"
    seen = set(read_checkpoint(best)[DATA]["seen"])
    words = ("network=unet", "network.width=8", f"finetune={best}", "dataset.seed=7")
    train(settings(*words), tmp_path / "second")
    last = tmp_path / "second/checkpoints/last.ckpt"
    both = set(read_checkpoint(last)[DATA]["seen"])
    assert seen < both, "an evaluation leaves out what either has seen"
    best.unlink()
    train(settings(*words, f"resume={last}", "trainer.max_epochs=2"), tmp_path / "second")
    assert set(read_checkpoint(last)[DATA]["seen"]) == both
    assert read_checkpoint(last)["base"]["name"] == "synthetic"


def test_the_terms_of_the_model_hold_on(run: Path, tmp_path: Path) -> None:
    model = read_model(str(run / "checkpoints/best.ckpt"))
    write_bundle(model, tmp_path / "bundle", "half")
    card = (tmp_path / "bundle/README.md").read_text()
    terms = read_model("open").about["licences"]
    assert "- began as: open\n" in card
    assert "It began as the model open, whose terms hold too." in card
    assert all(f"- open: {note}" in card for note in terms)
    assert card.count("Its encoder") == 1
    again = read_bundle(tmp_path / "bundle")
    write_bundle(again, tmp_path / "again", "half")
    assert (tmp_path / "again/README.md").read_text() == card


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["network.width=24", "objective.grid=12"],
            "finetune=default: that model needs network.width=48, objective.grid=10; "
            "experiment=finetune has all of them",
        ),
        (["network.encoder.name=tf_efficientnet_lite0"], "network.encoder.name=tf_efficientnet_"),
        (["finetune=none_such"], "no model none_such: give the path of a checkpoint"),
        (["finetune=model.onnx"], "an ONNX file cannot be trained further; give the checkpoint"),
    ],
)
def test_another_network_is_refused(
    settings: Callable[..., Train], words: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build_parts(settings(*SHORT, *words))


def test_what_another_recipe_lacks_is_named_as_it_is_set(
    settings: Callable[..., Train], run: Path
) -> None:
    needs = (
        r"needs network=unet, the encoder tf_efficientnet_lite2, network\.width=48, "
        r"network\.stride=4, objective=bins; experiment=finetune has all of them"
    )
    with pytest.raises(InputError, match=needs):
        build_parts(settings("finetune=default"))
    with pytest.raises(InputError, match=r"is the folder of a run; give its checkpoint, .*best"):
        build_parts(settings("finetune=" + str(run)))


def test_a_run_is_resumed_as_it_began(settings: Callable[..., Train], run: Path) -> None:
    last = f"resume={run / 'checkpoints/last.ckpt'}"
    with pytest.raises(InputError, match="began with finetune=open; resume with the settings it"):
        train(settings(*SHORT, last, "finetune=default", "optimizer.lr=1e-9"), run)


def test_a_run_says_what_it_gained(run: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    base, val = found["base"], found["val"]
    assert base["name"] == "open"
    assert base["val"]["mse"] == pytest.approx(val["mse"], rel=0.02)  # in bfloat16
    text = summarize_gain(base, {"mse": base["val"]["mse"] / 2})
    assert text.endswith(f"as the model open, {base['val']['mse'] / 2:.6f} now.")
    text = summarize_gain(base, {"mse": base["val"]["mse"] * 2})
    assert text.endswith("now. The training made it no better.")


class Modes(Callback):
    """Notes whether the network is being trained, at each step."""

    def __init__(self) -> None:
        self.found: list[bool] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Colorizer)
        self.found.append(pl_module.network.training)


def test_scoring_before_leaves_the_network_to_be_trained(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    modes = Modes()
    train(settings(*SHORT, "finetune=open"), tmp_path, [modes])
    assert modes.found == [True, True]


def test_a_folder_is_split_without_being_told(tmp_path: Path) -> None:
    words = ["experiment=finetune", "dataset=folder", f"dataset.root={tmp_path}"]
    with initialize_config_dir(CONF, version_base="1.3"):
        found: Train = parse_config(compose("train", words))
    assert found.trainer.max_epochs == 20
    assert (found.finetune, found.dataset.size) == ("default", 224)


def test_a_damaged_note_of_the_model_is_refused(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    train(settings("network=unet", "network.width=8"), tmp_path)
    path = tmp_path / "checkpoints/best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    for bad in ({"name": 3, "licences": []}, {"name": "x", "licences": "x"}, {}, [1]):
        torch.save({**checkpoint, "base": bad}, path)
        with pytest.raises(InputError, match=r"best\.ckpt is not a checkpoint of src\.train"):
            read_model(str(path))
