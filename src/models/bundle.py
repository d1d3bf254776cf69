"""A model in a folder: weights, a plain description, a card and checksums. None of it is code."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from torch import Tensor

from src.colorizer import Colorizer
from src.config import validated
from src.errors import InputError
from src.models.card import card, licences
from src.models.places import DESCRIPTION, is_bundle

WEIGHTS = "weights.safetensors"
CARD = "README.md"
CHECKSUMS = "SHA256SUMS"  # as sha256sum writes them
VERSION = 1


class Described(NamedTuple):
    """A colorizer, ready to predict, and what is known of it, as JSON holds it."""

    colorizer: Colorizer
    about: Mapping[str, Any]


def write_bundle(model: Described, folder: Path, precision: str) -> None:
    """Write a bundle, whole or not at all.

    Args:
        precision: of the trained weights: ``half`` or ``single``. Statistics are always single.

    Raises:
        InputError: if the folder is there, or a weight is too large for half precision.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it, or set output to another")
    more = {"precision": precision, "licences": licences(model.about)}
    about = {"version": VERSION} | dict(model.about) | more
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        weights = stored(model.colorizer, precision)
        (beside / WEIGHTS).write_bytes(safetensors.torch.save(weights))
        (beside / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n")
        (beside / CARD).write_text(card(about), encoding="utf-8")
        sums = (f"{sha256(beside / name)}  {name}\n" for name in (WEIGHTS, DESCRIPTION, CARD))
        (beside / CHECKSUMS).write_text("".join(sums))
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def stored(colorizer: Colorizer, precision: str) -> dict[str, Tensor]:
    """What a model predicts with, by name."""
    parts = {"network": colorizer.network, "objective": colorizer.objective}
    trained = {f"{part}.{name}" for part in parts for name, _ in parts[part].named_parameters()}
    weights = {}
    for part, module in parts.items():
        for name, value in module.state_dict().items():
            key = f"{part}.{name}"
            is_half = precision == "half" and key in trained
            weights[key] = (value.half() if is_half else value).cpu().contiguous()
            if not weights[key].isfinite().all():
                raise InputError(f"{key} is not finite in half precision; set precision=single")
    return weights


def read_bundle(folder: Path) -> Described:
    """Read a bundle; nothing in it is run.

    Raises:
        InputError: if a file is missing or altered, it is of a newer version, or it describes
            something that this project does not build.
    """
    if not is_bundle(folder):
        raise InputError(f"no bundle {folder}: it has no {DESCRIPTION}")
    check_files(folder)
    about = read_description(folder / DESCRIPTION)
    try:
        parts = {part: validated(part, about[part]) for part in ("network", "objective")}
        colorizer = Colorizer(
            **parts, optimizer={}, scheduler={}, flip_average=about["flip_average"]
        )
        weights = safetensors.torch.load_file(folder / WEIGHTS)
        colorizer.load_state_dict({name: value.float() for name, value in weights.items()})
    except InputError as error:
        raise InputError(f"{folder} cannot be built: {error}") from error
    except (KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{folder} does not fit its description: {first}") from error
    return Described(colorizer.eval(), about)


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
        if sums.get(name) != sha256(folder / name):
            raise InputError(f"{folder / name} is not what {CHECKSUMS} says; fetch it again")


def read_description(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version, size = about["version"], about["size"]
        is_known = isinstance(version, int) and isinstance(size, int) and 8 <= size <= 4096
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a bundle's description") from error
    if is_known and version > VERSION:
        raise InputError(
            f"{path} is of version {version}, newer than {VERSION}; update this project"
        )
    if not is_known:
        raise InputError(f"{path} is not a bundle's description")
    return about  # type: ignore[no-any-return]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
