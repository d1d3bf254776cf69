"""Read and write bundles: a folder with weights, a description, a card and checksums, no code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from torch import Tensor

from colorization.errors import InputError
from colorization.files.atomic import replacing
from colorization.files.digest import hash_file
from colorization.models.checkpoints import DATA, check_settings, read_checkpoint
from colorization.models.metadata import describe_checkpoint, parse_description
from colorization.models.predictor import PARTS, SETTINGS, Predictor, restore, select_weights
from colorization.models.registry import CHECKSUMS, DESCRIPTION, WEIGHTS, find_model, is_bundle

CARD = "README.md"


class TrainedModel(NamedTuple):
    """A predictor, and its description as JSON holds it.

    ``seen`` are digests of the photographs that it was trained on, where they are known.
    """

    predictor: Predictor
    about: Mapping[str, Any]
    seen: frozenset[str] = frozenset()


def read_model(model: str) -> TrainedModel:
    """Read a checkpoint or bundle, by path or shipped name.

    Raises:
        InputError: if it cannot be read or built.
    """
    path = find_model(model)
    if is_bundle(path):
        return read_bundle(path)
    checkpoint = read_checkpoint(path)
    settings = checkpoint["hyper_parameters"]

    def trained() -> Predictor:
        return Predictor(**{name: settings[name] for name in SETTINGS if name in settings})

    predictor = restore(trained, select_weights(checkpoint["state_dict"]), path)
    try:
        about = describe_checkpoint(checkpoint, path)
        return TrainedModel(predictor, about, frozenset(checkpoint[DATA].get("seen", ())))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not a checkpoint of src.train") from error


def read_bundle(folder: Path) -> TrainedModel:
    """Read a bundle; nothing in it is executed.

    Raises:
        InputError: if a file is missing or altered, it is of a newer version, or it describes
            something that this project does not build.
    """
    if not is_bundle(folder):
        raise InputError(f"no bundle {folder}: it has no {DESCRIPTION}")
    check_files(folder)
    about = parse_description(
        (folder / DESCRIPTION).read_text("utf-8", "replace"), folder / DESCRIPTION
    )
    try:
        weights = safetensors.torch.load_file(folder / WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS} cannot be read: {error}") from error

    def described() -> Predictor:
        settings = {name: about[name] for name in SETTINGS}
        return Predictor(**check_settings(settings))

    single = {name: value.float() for name, value in weights.items()}
    return TrainedModel(restore(described, single, folder), about)


def write_bundle(model: TrainedModel, folder: Path, precision: str) -> None:
    """Write a bundle, whole or not at all.

    Args:
        precision: of the trained weights: ``half`` or ``single``. Statistics are always single.

    Raises:
        InputError: if the folder is there, or a weight is too large for half precision.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it, or set output to another")
    from colorization.models.card import format_card, list_licences  # the metrics, where needed

    more = {"precision": precision, "licences": list_licences(model.about)}
    about = dict(model.about) | more
    with replacing(folder) as beside:
        beside.mkdir()
        weights = collect_weights(model.predictor, precision)
        (beside / WEIGHTS).write_bytes(safetensors.torch.save(weights))
        (beside / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n")
        (beside / CARD).write_text(format_card(about), encoding="utf-8")
        sums = (f"{hash_file(beside / name)}  {name}\n" for name in (WEIGHTS, DESCRIPTION, CARD))
        (beside / CHECKSUMS).write_text("".join(sums))


def collect_weights(predictor: Predictor, precision: str) -> dict[str, Tensor]:
    """Collect the weights that a model predicts with, by name; see :func:`write_bundle`."""
    parts = {name: part for name, part in predictor.named_children() if name in PARTS}
    trained = {f"{part}.{name}" for part in parts for name, _ in parts[part].named_parameters()}
    weights = {}
    for part, module in parts.items():
        for name, value in module.state_dict().items():
            key = f"{part}.{name}"
            is_half = precision == "half" and key in trained
            weights[key] = (value.half() if is_half else value).cpu().contiguous()
            if not weights[key].isfinite().all():
                raise InputError(f"{key} is not finite in half precision; use --precision single")
    return weights


def describe_predictor(predictor: Predictor) -> dict[str, Any]:
    """Return what scores are of: a digest of the weights in half precision, and the decoding."""
    try:
        weights = collect_weights(predictor, "half")
    except InputError:  # which then cannot be exported in half precision either
        weights = collect_weights(predictor, "single")
    return {
        "digest": hashlib.sha256(safetensors.torch.save(weights)).hexdigest(),
        "temperature": getattr(predictor.objective, "temperature", None),
        "flip_average": predictor.flip_average,
    }


def check_files(folder: Path) -> None:
    """Raise InputError unless all files are there and as they were written."""
    try:
        lines = (folder / CHECKSUMS).read_text().splitlines()
        sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / CHECKSUMS} cannot be read: {error}") from error
    for name in (WEIGHTS, DESCRIPTION, CARD):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; fetch it again")
        if sums.get(name) != hash_file(folder / name):
            raise InputError(f"{folder / name} is not what {CHECKSUMS} says; fetch it again")
