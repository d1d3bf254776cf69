"""What is said of a model, as JSON: checked before anything is made of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from colorization.errors import InputError

VERSION = 3
TYPES: Mapping[str, type | UnionType] = {
    "name": str,
    "size": int,
    "network": dict,
    "objective": dict,
    "amplifier": dict | None,
    "flip_average": bool,
    "guidance": dict | None,
    "strength": float,
    "training": dict,
}
SIZES = range(8, 4097)  # px


def parsed(text: str, path: Path) -> dict[str, Any]:
    """A description out of a file.

    Raises:
        InputError: naming ``path``, if it is none, or of a newer version.
    """
    try:
        about = json.loads(text)
        version = about["version"]
        if isinstance(version, int) and version > VERSION:
            raise InputError(f"{path} is of version {version}, newer than {VERSION}; update this")
        if version in (1, 2):
            about = {"amplifier": None, "strength": 0.0, "guidance": None} | about
            about["version"] = VERSION
        is_whole = about["version"] == VERSION and all(
            isinstance(about[name], kind) for name, kind in TYPES.items()
        )
        datasets = about["training"]["datasets"]
        is_whole &= isinstance(datasets, list) and all(isinstance(name, str) for name in datasets)
        smallest = about.get("smallest", 1)
        is_whole &= type(smallest) is int and 1 <= smallest <= max(SIZES)
        is_whole &= about["size"] in SIZES and isinstance(about["training"]["dataset"], str)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} does not describe a model of this project") from error
    if not is_whole:
        raise InputError(f"{path} does not describe a model of this project")
    found: dict[str, Any] = about
    return found
