"""What is known of a trained model, from its checkpoint and the results of its run."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.models.bundle import Described, read_bundle
from colorization.models.checkpoints import read_checkpoint
from colorization.models.metadata import VERSION
from colorization.models.predictor import SETTINGS, Predictor, predictor_weights, restored
from colorization.models.registry import is_bundle, locate
from colorization.models.results import Tests, read_results
from colorization.settings.compose import CHECKPOINTS

log = logging.getLogger(__name__)


class Tested(TypedDict):
    """What a description takes out of a run's results."""

    images: dict[str, int]
    images_seen: int
    seed: int
    test: Tests


def read_model(model: str) -> Described:
    """A checkpoint or bundle, by path or the name of one that is shipped.

    Raises:
        InputError: if it cannot be read or built.
    """
    path = locate(model)
    if is_bundle(path):
        return read_bundle(path)
    checkpoint = read_checkpoint(path)
    settings = checkpoint["hyper_parameters"]

    def trained() -> Predictor:
        return Predictor(**{name: settings[name] for name in SETTINGS if name in settings})

    predictor = restored(trained, predictor_weights(checkpoint["state_dict"]), path)
    try:
        return Described(predictor, described(checkpoint, path))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not a checkpoint of src.train") from error


def described(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Plain facts for a bundle's description; scores are of the run that it lies in, if it does."""
    parts = checkpoint["hyper_parameters"]
    amplifier = parts.get("amplifier")
    dataset = checkpoint["datamodule_hyper_parameters"]["dataset"]
    return {
        "version": VERSION,
        "name": dataset["name"],
        "size": dataset["size"],
        "network": without_paths(parts["network"]),
        "objective": dict(parts["objective"]),
        "amplifier": None if amplifier is None else amplifier | {"colorizer": None},
        "flip_average": parts["flip_average"],
        "strength": parts["strength"],
        "guidance": parts.get("guidance"),
        "normalisation": "L of CIE Lab (D65), 0..100, as L/50-1; a and b in CIE units, as ab/128",
        "training": {
            "dataset": dataset["name"],
            "datasets": sorted(dataset.get("parts", [dataset["name"]])),
            "epoch": checkpoint["epoch"] + 1,
            "val": checkpoint["val"],
            **run_of(path),
        },
    }


def without_paths(network: Mapping[str, Any]) -> dict[str, Any]:
    """A network's settings without a path of this machine."""
    settings = dict(network)
    if encoder := settings.get("encoder"):
        settings["encoder"] = encoder | {"weights": Path(encoder["weights"]).name}
    return settings


def run_of(checkpoint: Path) -> dict[str, Any]:
    """Number of photographs and test scores beside the baselines, if the run's results are here."""
    path = checkpoint.resolve().parent.parent / "results.json"
    if checkpoint.resolve().parent.name != CHECKPOINTS or not path.is_file():
        return {}  # of an interrupted run
    try:
        found = read_results(path, Tested)
    except InputError as error:
        log.warning("the model has no scores: %s", error)
        return {}
    return {name: found[name] for name in Tested.__annotations__}
