"""Read checkpoints that Lightning wrote, without Lightning."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from colorization.errors import InputError
from colorization.settings.compose import (
    dataset_choices,
    dataset_settings,
    parse_as,
    parse_part,
    parse_parts,
)
from colorization.settings.fields import COUNT, SEED, check
from colorization.settings.legacy import LEARNED_HINTS, rename_targets
from colorization.settings.parts import Decoding

DATA = "ColorDataModule"  # where that one's state is
DECODING = tuple(field.name for field in fields(Decoding))


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of primitives and tensors; nothing in it is executed.

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
        checkpoint["hyper_parameters"] = check_settings(checkpoint["hyper_parameters"])
        data = checkpoint["datamodule_hyper_parameters"]
        checkpoint["datamodule_hyper_parameters"] = parse_parts(data)
        check("batch_size", data.get("batch_size"), COUNT)
        check("seed", data.get("seed"), SEED)
    except (InputError, AttributeError, RecursionError, TypeError) as error:
        raise InputError(f"{path} cannot be used: {error}") from error
    return checkpoint


def check_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings of a Colorizer, and add those that older checkpoints lack.

    Raises:
        InputError: naming the first that is not usable.
    """
    given = rename_targets(given)
    if "guidance" in given:
        raise InputError(LEARNED_HINTS)
    said = {name: given[name] for name in DECODING if name in given}
    return parse_parts(given) | parse_as(Decoding, said)


def resolve_dataset(
    dataset: Mapping[str, Any], data_dir: str, named: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the settings of a checkpoint's dataset, with the folder where the user has it.

    Those of conf/ lie in ``data_dir``. No other folder is read on the word of a checkpoint.

    Args:
        named: folders that the user has named.

    Raises:
        InputError: for settings that no schema has; for a folder that is not named; for
            photographs that are in another data_dir.
    """
    return locate_dataset(parse_part("dataset", dataset), data_dir, named)


def locate_dataset(
    dataset: Mapping[str, Any], data_dir: str, named: Sequence[str] | None
) -> dict[str, Any]:
    """Do what :func:`resolve_dataset` does, for settings that are checked already."""
    settings = dict(dataset)
    if parts := settings.get("parts"):
        settings["parts"] = {
            part: locate_dataset(of, data_dir, named) for part, of in parts.items()
        }
    if "root" not in settings:
        return settings
    there = Path(settings["root"])
    if there.resolve() in {Path(folder).resolve() for folder in named or ()}:
        return settings
    known = settings["name"] in dataset_choices()
    home = dataset_settings(settings["name"], data_dir) if known else {}
    if home.get("_target_") != settings["_target_"]:
        words = shlex.quote(f"datasets={there}")
        raise InputError(
            f"it was trained on the folder {there}, which is read only if you name it: "
            f"evaluate with {words}"
        )
    here = Path(home["root"])
    if there.is_dir() and there.name == here.name and not here.is_dir():
        raise InputError(
            f"{settings['name']} is not in {data_dir}, but in {there.parent}; set data_dir to that"
        )
    return settings | {"root": home["root"]}
