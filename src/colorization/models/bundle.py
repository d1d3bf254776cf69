"""A model in a folder: weights, a plain description, a card and checksums. None of it is code."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch

from colorization.errors import InputError
from colorization.models.checkpoints import settings_of
from colorization.models.metadata import parsed
from colorization.models.predictor import SETTINGS, Predictor, restored
from colorization.models.registry import DESCRIPTION, is_bundle

WEIGHTS = "weights.safetensors"
CARD = "README.md"
CHECKSUMS = "SHA256SUMS"  # as sha256sum writes them


class Described(NamedTuple):
    """A model, ready to predict, and what is known of it, as JSON holds it."""

    predictor: Predictor
    about: Mapping[str, Any]


def read_bundle(folder: Path) -> Described:
    """Read a bundle; nothing in it is run.

    Raises:
        InputError: if a file is missing or altered, it is of a newer version, or it describes
            something that this project does not build.
    """
    if not is_bundle(folder):
        raise InputError(f"no bundle {folder}: it has no {DESCRIPTION}")
    check_files(folder)
    about = parsed((folder / DESCRIPTION).read_text("utf-8", "replace"), folder / DESCRIPTION)
    try:
        weights = safetensors.torch.load_file(folder / WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS} cannot be read: {error}") from error

    def described() -> Predictor:
        settings = {name: about[name] for name in SETTINGS}
        return Predictor(**settings_of(settings))

    single = {name: value.float() for name, value in weights.items()}
    return Described(restored(described, single, folder), about)


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


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
