"""What older versions wrote is read with today's names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.commands import Train
from colorization.settings.legacy import rename_targets
from colorization.settings.parts import SCHEMAS, schema_target
from colorization.training.colorizer import load_colorizer
from colorization.training.run import train

OLD = {
    "network": "src.networks.unet.UNet",
    "objective": "src.objectives.bins.ColorBins",
    "amplifier": "src.networks.amplifier.Amplifier",
    "scheduler": "src.schedules.one_cycle",
    "dataset": "src.data.synthetic.SyntheticScenes",
    "augmentation": "src.data.augmentation.Augmentation",
}


def test_a_checkpoint_with_the_names_of_0_1_predicts_the_same(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    words = ["network=unet", "network.width=8", "objective=bins", "amplifier=residual"]
    train(settings(*words), tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    L = torch.rand(1, 1, 16, 16) * 100
    with torch.no_grad():
        expected = load_colorizer(path)(L)
    content: dict[str, Any] = torch.load(path, weights_only=True)
    for part in ("hyper_parameters", "datamodule_hyper_parameters"):
        for name in OLD.keys() & content[part].keys():
            content[part][name]["_target_"] = OLD[name]
    content["hyper_parameters"]["guidance"] = None
    content["hyper_parameters"]["amplifier"]["colorizer"] = None
    torch.save(content, path)
    with torch.no_grad():
        assert torch.equal(load_colorizer(path)(L), expected)
    stored = read_checkpoint(path)["hyper_parameters"]
    assert "guidance" not in stored
    content["hyper_parameters"]["guidance"] = {"_target_": "src.hints.simulated.SimulatedHints"}
    torch.save(content, path)
    with pytest.raises(InputError, match=r"its network learned to take hints, as 0\.1 did; use"):
        read_checkpoint(path)


def test_every_old_target_is_one_of_today_s() -> None:
    known = {schema_target(schema) for group in SCHEMAS.values() for schema in group.values()}
    old = [*OLD.values(), "src.networks.fusion.FusionNetwork"]
    old += ["src.objectives.terms.FeatureDistance", "src.objectives.adversary.PatchAdversary"]
    old += ["src.data.mixed.MixedDataset", "src.data.shards.Shards", "src.data.sources.Faces"]
    for target in old:
        assert rename_targets([{"_target_": target}])[0]["_target_"] in known
    assert rename_targets({"_target_": "torch.optim.AdamW"}) == {"_target_": "torch.optim.AdamW"}
