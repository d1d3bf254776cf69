"""Interrupted within an epoch: the rest of it, and the same weights as without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from colorization.data.synthetic import SyntheticScenes
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Train
from colorization.training import run as command
from colorization.training.run import train
from tests.training.curves import curves

STEPS = 7  # of an epoch: 13 photographs, two a batch
EXACT = ["trainer=float32", "trainer.max_epochs=3", "trainer.checkpoint_every=1"]


@pytest.fixture(scope="module")
def scenes_in_folder(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The settings that train on scenes in a folder."""
    folder = tmp_path_factory.mktemp("scenes")
    scenes = SyntheticScenes("synthetic", 16, 17, 1, 1, 0)
    for name in scenes.names("train"):
        pixels = scenes.read(name, None).permute(1, 2, 0).contiguous().numpy()
        (folder / "photographs").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "photographs" / f"{name}.png")
    counts = ["dataset.train=13", "dataset.val=2", "dataset.test=2"]
    return ["dataset=folder", f"dataset.root={folder}/photographs", *counts]


class Watch(pl.Callback):
    """Notes the photographs of every step, and interrupts before one."""

    def __init__(self, stop: int | None) -> None:
        self.stop = stop
        self.steps: list[list[float]] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.stop:
            raise KeyboardInterrupt
        self.steps.append(batch.ab.double().sum(dim=(1, 2, 3)).tolist())


def watched(settings: Train, folder: Path, stop: int | None = None) -> list[list[float]]:
    """Train, or until a step, and tell which photographs were seen, step after step."""
    watch = Watch(stop)
    make_trainer = command.make_trainer

    def make(*arguments: Any) -> pl.Trainer:
        trainer = make_trainer(*arguments)
        trainer.callbacks.insert(0, watch)  # type: ignore[attr-defined]
        return trainer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "make_trainer", make)
        if stop is None:
            train(settings, folder)
        else:
            with pytest.raises(KeyboardInterrupt):
                train(settings, folder)
    return watch.steps


@pytest.mark.parametrize(
    ("stop", "more"),
    [
        (STEPS + 3, ["augmentation=light", "data.max_memory=0"]),
        (STEPS + 4, ["augmentation=light", "trainer.ema=0.5"]),
        (STEPS, ["augmentation=flip"]),
    ],
)
def test_the_rest_of_the_epoch_is_trained_on_as_if_nothing_had_happened(
    settings: Callable[..., Train],
    scenes_in_folder: list[str],
    tmp_path: Path,
    stop: int,
    more: list[str],
) -> None:
    words = [*scenes_in_folder, *EXACT, *more, "network=unet", "network.width=8"]
    words.append(f"data.cache={tmp_path}/cache")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = watched(settings(*words), whole)
    assert len(expected) == 3 * STEPS
    seen = watched(settings(*words), broken, stop)
    last = broken / "checkpoints" / "last.ckpt"
    done = read_checkpoint(last)["global_step"]
    assert done == (stop - 1 if stop % STEPS else stop)  # within an epoch, the next step confirms
    seen = seen[:done] + watched(settings(*words, f"resume={last}"), broken)
    assert seen == expected
    first, second = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (whole, broken))
    for name, weight in first["state_dict"].items():
        assert torch.equal(weight, second["state_dict"][name]), name
    counted = [c["callbacks"]["EpochProgress"]["images"] for c in (first, second)]
    assert counted == [39, 39]
    one, two = curves(whole), curves(broken)
    assert one["val/mse"] == two["val/mse"]
    assert one["train/loss"] == pytest.approx(two["train/loss"], rel=1e-6)
    assert len(two["train/images_per_second"]) == 3
