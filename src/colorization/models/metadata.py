"""Describe a trained model in plain JSON, and check a description that somebody sent."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from colorization.errors import InputError
from colorization.settings.fields import SIZE
from colorization.settings.legacy import LEARNED_HINTS
from colorization.settings.run_files import CHECKPOINTS

log = logging.getLogger(__name__)

VERSION = 4
TYPES: Mapping[str, type | UnionType] = {
    "name": str,
    "size": int,
    "network": dict,
    "objective": dict,
    "amplifier": dict | None,
    "flip_average": bool,
    "strength": float,
    "training": dict,
}
OF_RUN = ("images", "images_seen", "seed", "test")
"""What a description takes out of the results of a run."""


def parse_description(text: str, path: Path) -> dict[str, Any]:
    """Parse and check a model's description, of this or an older version.

    Raises:
        InputError: naming ``path``, if it is not a description, or of a newer version.
    """
    try:
        about = json.loads(text)
        version = about["version"]
        if isinstance(version, int) and version > VERSION:
            raise InputError(f"{path} is of version {version}, newer than {VERSION}; update this")
        if about.pop("guidance", None):
            raise InputError(f"{path} cannot be used: {LEARNED_HINTS}")
        if version in (1, 2, 3):
            about = {"amplifier": None, "strength": 0.0} | about
            about["version"] = VERSION
        is_whole = about["version"] == VERSION and all(
            isinstance(about[name], kind) for name, kind in TYPES.items()
        )
        datasets = about["training"]["datasets"]
        is_whole &= isinstance(datasets, list) and all(isinstance(name, str) for name in datasets)
        is_whole &= isinstance(about["training"]["dataset"], str)
        parse_base(about["training"].get("base"))
        least, most = SIZE["within"]
        smallest = about.get("smallest", 1)
        is_whole &= type(smallest) is int and 1 <= smallest <= most
        is_whole &= least <= about["size"] <= most
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} does not describe a model of this project") from error
    if not is_whole:
        raise InputError(f"{path} does not describe a model of this project")
    found: dict[str, Any] = about
    return found


def describe_checkpoint(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Describe a checkpoint in plain JSON, with the scores of its run if that is beside it."""
    parts = checkpoint["hyper_parameters"]
    dataset = checkpoint["datamodule_hyper_parameters"]["dataset"]
    return {
        "version": VERSION,
        "name": dataset["name"],
        "size": dataset["size"],
        "network": drop_paths(parts["network"]),
        "objective": dict(parts["objective"]),
        "amplifier": parts.get("amplifier"),
        "flip_average": parts["flip_average"],
        "strength": parts["strength"],
        "normalisation": "L of CIE Lab (D65), 0..100, as L/50-1; a and b in CIE units, as ab/128",
        "training": {
            "dataset": dataset["name"],
            "datasets": sorted(dataset.get("parts", [dataset["name"]])),
            "sources": list_sources(dataset),
            "base": parse_base(checkpoint.get("base")),
            "epoch": checkpoint["epoch"] + 1,
            "val": checkpoint["val"],
            **read_run_scores(path),
        },
    }


def parse_base(base: Any) -> dict[str, Any] | None:
    """Check what is said of the model that a training began with, if it began with one.

    Raises:
        KeyError, TypeError: if it is not a name and a list of licences.
    """
    if base is None:
        return None
    name, licences = base["name"], base["licences"]
    if not isinstance(licences, list) or not all(isinstance(x, str) for x in (name, *licences)):
        raise TypeError
    return {"name": name, "licences": licences}


def list_sources(dataset: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """List repository and terms of each public source that a dataset and its parts train on."""
    found = {
        name: {"repository": source["repository"], "terms": source["terms"]}
        for name, source in dataset.get("sources", {}).items()
        if (source["is_open"] or not dataset["only_open"]) and not source["is_test"]
    }
    for part in dataset.get("parts", {}).values():
        found |= list_sources(part)
    return found


def drop_paths(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's settings without paths of this machine."""
    settings = dict(network)
    if encoder := settings.get("encoder"):
        settings["encoder"] = encoder | {"weights": Path(encoder["weights"]).name}
    return settings


def read_run_scores(checkpoint: Path) -> dict[str, Any]:
    """Read the numbers of photographs and the test scores of a checkpoint's run, if it has any."""
    path = checkpoint.resolve().parent.parent / "results.json"
    if checkpoint.resolve().parent.name != CHECKPOINTS or not path.is_file():
        return {}  # of an interrupted run
    from colorization.models.results import read_results  # pydantic, where needed

    try:
        found = read_results(path)
    except InputError as error:
        log.warning("the model has no scores: %s", error)
        return {}
    return {name: found[name] for name in OF_RUN}
