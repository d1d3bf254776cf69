"""Begin a training with the weights of a trained model."""

from collections.abc import Mapping
from typing import Any

from colorization.errors import InputError
from colorization.models.bundle import read_model
from colorization.models.card import list_licences
from colorization.settings.compare import find_difference
from colorization.training.colorizer import Colorizer

OF_TRAINING = {"weights", "tuned", "lr_factor", "dropout", "uniform", "temperature"}
"""Settings of network and objective that may differ from the trained model's."""


def begin_with(colorizer: Colorizer, name: str) -> None:
    """Give a colorizer the weights of a model, which is named as ``finetune`` names it.

    Raises:
        InputError: if it cannot be read, or its network, or what that predicts, is another; naming
            the first setting that differs.
    """
    model = read_model(name)
    parts = ["network", "objective", *(["amplifier"] if model.about["amplifier"] else [])]
    own = {part: colorizer.hparams[part] or {} for part in parts}
    theirs = {part: copy_of_training(model.about[part], own[part]) for part in parts}
    if different := find_difference(theirs, own, {}):
        raise InputError(
            f"finetune={name}: that model has {different}; set the same here. "
            "experiment=finetune has the settings of the shipped models"
        )
    colorizer.network.load_state_dict(model.predictor.network.state_dict())
    if colorizer.amplifier and model.predictor.amplifier:
        colorizer.amplifier.load_state_dict(model.predictor.amplifier.state_dict())
    colorizer.base = {"name": model.about["name"], "licences": list_licences(model.about)}
    colorizer.seen_before = set(model.seen)


def copy_of_training(settings: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with those of :data:`OF_TRAINING` as ``source`` has them."""
    copied = {name: value for name, value in source.items() if name in OF_TRAINING}
    nested = {
        name: copy_of_training(value, source[name])
        for name, value in settings.items()
        if isinstance(value, Mapping) and isinstance(source.get(name), Mapping)
    }
    return {**settings, **copied, **nested}
