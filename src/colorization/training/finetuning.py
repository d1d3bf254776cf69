"""Begin a training with the weights of a trained model."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from colorization.data.datamodule import ColorDataModule
from colorization.errors import InputError
from colorization.models.baselines import score_predictors
from colorization.models.bundle import read_model
from colorization.models.card import list_licences
from colorization.models.registry import list_shipped
from colorization.settings.compare import add_defaults, flatten
from colorization.settings.legacy import rename_targets
from colorization.settings.parts import SCHEMAS, schema_target
from colorization.training.colorizer import Colorizer

log = logging.getLogger(__name__)

OF_TRAINING = {"weights", "tuned", "lr_factor", "dropout", "uniform", "temperature"}
"""Settings of network and objective that may differ from the trained model's."""


def begin_with(colorizer: Colorizer, name: str) -> None:
    """Give a colorizer the weights of a model, which is named as ``finetune`` names it.

    Raises:
        InputError: if it cannot be read, or has other settings; naming them.
    """
    if Path(name).suffix == ".onnx":
        raise InputError(
            f"finetune={name}: an ONNX file cannot be trained further; give the checkpoint or "
            "bundle that it was made from"
        )
    model = read_model(name)
    if different := ", ".join(list_differences(model.about, colorizer.hparams)):
        shipped = name in list_shipped()
        advice = "; experiment=finetune has all of them" if shipped else ""
        raise InputError(f"finetune={name}: that model needs {different}{advice}")
    colorizer.network.load_state_dict(model.predictor.network.state_dict())
    if colorizer.amplifier and model.predictor.amplifier:
        colorizer.amplifier.load_state_dict(model.predictor.amplifier.state_dict())
    colorizer.base = {
        "name": model.about["name"],
        "licences": list_licences(model.about),
        "given": name,
    }
    colorizer.seen_before = set(model.seen)


def list_differences(about: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """List the settings of a described model that ``own`` lacks, as a user would set them."""
    for part in ("network", "objective", "amplifier"):
        then, now = (rename_targets({part: of[part] or {}})[part] for of in (about, own))
        if not then:
            continue
        target = then["_target_"]
        if now.get("_target_") != target:
            names = (n for n, schema in SCHEMAS[part].items() if schema_target(schema) == target)
            yield f"{part}={next(names, target)}"
            now = {"_target_": target}
        then, now = (flatten(add_defaults(settings)) for settings in (then, now))
        if "encoder.name" in then and "encoder.name" not in now:
            yield f"the encoder {then['encoder.name']}"
            now |= {name: value for name, value in then.items() if name.startswith("encoder.")}
        for name, value in then.items():
            last = name.rpartition(".")[2]
            if last not in OF_TRAINING | {"_target_"} and now.get(name) != value:
                yield f"{part}.{name}={'null' if value is None else value}"


def score_before(colorizer: Colorizer, data: ColorDataModule, trainer: pl.Trainer) -> None:
    """Score a colorizer on validation photographs before it is trained, and log it."""
    assert colorizer.base
    with torch.no_grad(), trainer.precision_plugin.forward_context():
        scores = score_predictors({"network": colorizer.eval()}, data.lab_batches("val"))["network"]
    colorizer.train()  # which Lightning leaves to us
    colorizer.base["val"] = scores
    log.info(
        "it begins as the model %s: validation MSE of ab/128 %.6f, PSNR %.2f dB",
        *(colorizer.base["name"], scores["mse"], scores["psnr"]),
    )


def summarize_gain(base: Mapping[str, Any], val: Mapping[str, float]) -> str:
    """Say in a sentence what the training gained on validation photographs."""
    before, after = base["val"]["mse"], val["mse"]
    found = f"Validation MSE of ab/128: {before:.6f} as the model {base['name']}, {after:.6f} now."
    return found if after < before else f"{found} The training made it no better."
