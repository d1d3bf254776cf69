"""Checkpoints that somebody sent: their settings and weights are checked before they are used."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from colorization.errors import InputError
from colorization.models.bundle import read_model
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Train
from colorization.training.colorizer import load_colorizer
from colorization.training.run import train


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        (
            "objective",
            "temperature",
            1e-320,
            r"settings of .*Bins: objective\.temperature is 1e-320",
        ),
        (
            "objective",
            "_target_",
            "colorization.networks.unet.UNet",
            "'colorization.networks.unet.UNet' is no objective",
        ),
        (
            "network",
            "width",
            float("nan"),
            "Value 'nan' of type 'float' could not be converted to Int",
        ),
        ("network", "width", 10**400, r"network\.width is 10{400}; it must be at most 512"),
        ("optimizer", "lr", 10**400, "int too large to convert to float"),
        ("optimizer", "lr", float("nan"), r"optimizer\.lr is nan; it must be at least 1e-30"),
        ("dataset", "size", 0, r"dataset\.size is 0; it must be at least 8"),
        ("dataset", "name", "../../x", r"dataset\.name is '\.\./\.\./x'; it names a folder"),
        ("dataset", "evil", 1, "Key 'evil' not in"),
        (
            "augmentation",
            "rotation",
            float("inf"),
            r"augmentation\.rotation is inf; it must be at most",
        ),
        (None, "strength", float("nan"), "strength is nan; it must be at least 0"),
        (None, "strength", "much", "could not be converted to Float"),
        (None, "flip_average", "perhaps", "is not a valid bool"),
        (None, "network", None, "None is no network"),
        (None, "batch_size", 10**10, "batch_size is 10000000000; it must be at most 100000"),
    ],
)
def test_settings_in_a_checkpoint_are_checked_as_a_bundles_are(
    bins: dict[str, Any], tmp_path: Path, part: str | None, name: str, value: Any, message: str
) -> None:
    content = deepcopy(bins)
    parts = ("hyper_parameters", "datamodule_hyper_parameters")
    (owner,) = (content[p] for p in parts if (part or name) in content[p])
    (owner[part] if part else owner)[name] = value
    torch.save(content, tmp_path / "sent.ckpt")
    for load in (load_colorizer, read_model):
        with pytest.raises(InputError, match=rf"sent\.ckpt cannot be used: .*{message}") as caught:
            load(str(tmp_path / "sent.ckpt"))
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def bins(
    settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a checkpoint holds of a small model of colour bins."""
    folder = tmp_path_factory.mktemp("bins")
    train(settings("objective=bins", "network=unet", "network.width=8"), folder)
    found: dict[str, Any] = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    return found


def test_a_checkpoint_whose_weights_are_not_finite_is_refused(
    bins: dict[str, Any], tmp_path: Path
) -> None:
    content = deepcopy(bins)
    weight = next(value for value in content["state_dict"].values() if value.is_floating_point())
    weight.flatten()[0] = float("nan")
    torch.save(content, tmp_path / "nan.ckpt")
    for load in (load_colorizer, read_model):
        with pytest.raises(InputError, match=r"nan\.ckpt has weights that are not finite"):
            load(str(tmp_path / "nan.ckpt"))


def test_words_in_a_checkpoint_stand_for_themselves(bins: dict[str, Any], tmp_path: Path) -> None:
    content = deepcopy(bins)
    folder = r"a\${oc.env:HOME}b${c} \\${d"
    root = {"_target_": "colorization.data.folders.PhotographFolder", "root": folder, "name": "x"}
    splits = {"train": None, "val": None, "test": None, "split_seed": 0, "max_pixels": 100}
    content["datamodule_hyper_parameters"]["dataset"] = {**root, **splits, "size": 16}
    torch.save(content, tmp_path / "odd.ckpt")
    read = read_checkpoint(tmp_path / "odd.ckpt")
    assert read["datamodule_hyper_parameters"] == content["datamodule_hyper_parameters"]
    assert read["hyper_parameters"] == bins["hyper_parameters"]
