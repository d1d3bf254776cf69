"""Checkpoints as Lightning writes them, read without it."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from colorization.errors import InputError
from colorization.settings.compose import conformed, validated_parts
from colorization.settings.fields import COUNT, SEED, check
from colorization.settings.parts import Decoding

DATA = "ColorDataModule"  # where that one's state is
DECODING = tuple(field.name for field in fields(Decoding))


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of primitives and tensors; nothing in it is run.

    Its settings are checked as a bundle's are.

    Raises:
        InputError: if there is none, or it is not a whole checkpoint of a Colorizer.
    """
    if not Path(path).is_file():
        raise InputError(f"no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can raise anything
        reason = "damaged or not ours" if Path(path).stat().st_size else "empty"
        raise InputError(
            f"{path} is not a readable checkpoint: it is {reason}; use another one"
        ) from error
    parts = ("state_dict", "epoch", "val", "hyper_parameters", "datamodule_hyper_parameters", DATA)
    if not isinstance(checkpoint, dict) or any(part not in checkpoint for part in parts):
        raise InputError(f"{path} is not a checkpoint of src.train")
    try:
        checkpoint["hyper_parameters"] = settings_of(checkpoint["hyper_parameters"])
        data = checkpoint["datamodule_hyper_parameters"]
        checkpoint["datamodule_hyper_parameters"] = validated_parts(data)
        check("batch_size", data.get("batch_size"), COUNT)
        check("seed", data.get("seed"), SEED)
    except (InputError, AttributeError, TypeError) as error:
        raise InputError(f"{path} cannot be used: {error}") from error
    return checkpoint


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a Colorizer, checked, with those that older checkpoints do not name.

    Raises:
        InputError: naming the first that is not usable.
    """
    said = {name: given[name] for name in DECODING if name in given}
    return validated_parts(given) | conformed(Decoding, said)
