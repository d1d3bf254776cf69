"""A run's results: written as JSON, read again, and compared."""

import json
import logging
import math
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import AfterValidator, FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.models.baselines import BASELINES
from colorization.models.hardware import Hardware

PACKAGES = (
    "numpy",
    "pillow",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "kornia",
    "hydra-core",
    "torchmetrics",
    "timm",
)
log = logging.getLogger(__name__)

RESULTS = "results.json"
TINY = 1e-12  # a squared error of ab/128 that no picture shows
PAPER_MSE = {"faces": 0.0014189, "dogs": 0.0076965}
"""Test losses that the paper reports, on photographs of its own."""
PAPER_TRAINING_MSE = {"faces": 3e-4, "dogs": 1.8e-3}
"""Training losses at the end, which the paper reports."""


class Published(NamedTuple):
    """Scores that a paper prints, of another protocol than ours.

    Args:
        photographs: that it was trained on.
        gain: of PSNR over gray, dB.
    """

    name: str
    photographs: int
    gain: float
    colorfulness: float


PUBLISHED = Published(
    "DDColor-tiny, as published for ImageNet (another protocol)", 1_281_167, 0.84, 37.7
)
"""Kang et al. 2023, arXiv 2212.11613, table 1."""


def describe_environment(device: Hardware) -> dict[str, str]:
    """Describe versions and hardware of a run."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "accelerator": device.accelerator,
        "precision": device.precision,
        **{package: version(package) for package in PACKAGES},
    }


def save_results(found: Mapping[str, Any], folder: Path) -> None:
    """Write ``results.json``, whole or not at all."""
    write_text(json.dumps(found, indent=2) + "\n", folder / RESULTS)


def check_finite(scores: dict[str, float]) -> dict[str, float]:
    """Raise ValueError unless all scores are finite, an error among them; PSNR may be infinite."""
    for name, value in scores.items():
        if not math.isfinite(value) and (name, value) != ("psnr", math.inf):
            raise ValueError(f"{name} is {value}")
    if not scores.get("mse", -1) >= 0:
        raise ValueError("mse is missing or negative")
    return scores


Scores = Annotated[dict[str, float], AfterValidator(check_finite)]


def check_baselines(test: dict[str, Scores]) -> dict[str, Scores]:
    """Raise ValueError unless there are a network and a baseline to compare it with."""
    if "network" not in test or not test.keys() & set(BASELINES):
        raise ValueError("the network or every baseline is missing")
    return test


Tests = Annotated[dict[str, Scores], AfterValidator(check_baselines)]


class Failed(TypedDict):
    """The outcome of a run that failed."""

    error: str


class GivenUp(TypedDict):
    """The outcome of a run that a search gave up."""

    pruned: str
    val: Scores


class Size(TypedDict):
    """Settings of a dataset, as far as results need them."""

    size: int


class Classifier(TypedDict):
    """Settings of a network that was trained on photographs before."""

    weights: str


class Network(TypedDict):
    """Settings of a network, as far as results need them."""

    encoder: NotRequired[Classifier | None]


class Config(TypedDict):
    """Settings of a run, as far as results need them."""

    dataset: Size
    network: NotRequired[Network]
    perceptual: NotRequired[Classifier | None]


class Machine(TypedDict):
    """Where a run was made."""

    accelerator: str


class Results(TypedDict):
    """The outcome of a run that ended well, as far as others use it."""

    dataset: str
    seed: int
    images: dict[str, int]
    val: Scores
    test: Tests
    best_epoch: int
    epochs: int
    minutes: FiniteFloat
    images_seen: int
    images_per_second: FiniteFloat
    parameters: int
    ended_by: str
    config: Config
    environment: Machine
    data: NotRequired[dict[str, str]]


class NoScoresError(InputError):
    """A ``results.json`` holds no scores of a run, and is whole all the same."""


def read_outcome(path: Path, shape: Any = Results) -> dict[str, Any]:
    """Read what a run has left: its results, or ``error`` if it failed, or ``pruned``.

    Args:
        shape: a TypedDict of what results must have.

    Raises:
        NoScoresError: if they are of an evaluation.
        InputError: if it cannot be read, or a value is missing or of another kind.
        FileNotFoundError: if there is none.
    """
    found = read_json(path)
    if {"checkpoints", "datasets"} <= found.keys():
        raise NoScoresError(f"{path} is of src.evaluate, not of a run of src.train")
    kinds = {"error": Failed, "pruned": GivenUp}
    check_kinds(found, next((kinds[name] for name in kinds if name in found), shape), path)
    return found


def find_outcome(folder: Path) -> dict[str, Any] | None:
    """Read what the run in a folder has left; None, with a warning, if it is damaged."""
    try:
        return read_outcome(folder / RESULTS)
    except FileNotFoundError:
        return None
    except InputError as error:
        log.warning("%s; the run counts as not ended, and the sweep makes it again", error)
        return None


def read_results(path: Path, shape: Any = Results) -> dict[str, Any]:
    """Read the results of a run that ended well, as :func:`read_outcome`.

    Raises:
        NoScoresError: for anything else that is whole.
    """
    found = read_outcome(path, shape)
    for name, said in {"error": "failed", "pruned": "was given up"}.items():
        if name in found:
            raise NoScoresError(f"{path} is of a run which {said}: {found[name]}")
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a ``results.json``, whatever it holds; errors are those of :func:`read_outcome`."""
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise make_error(path, getattr(error, "strerror", error)) from error
    if not isinstance(found, dict):
        raise make_error(path, "it is no JSON object")
    return found


def check_kinds(found: Any, shape: Any, name: object) -> None:
    """Raise InputError unless results have all values of a TypedDict, of the kinds that it says.

    Args:
        name: of their file, in the message.
    """
    try:
        TypeAdapter(shape).validate_python(found, strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        reason = str(fault["msg"]).removeprefix("Value error, ")
        where = ".".join(map(str, fault["loc"]))
        raise make_error(name, f"{where}: {reason[0].lower()}{reason[1:]}") from error


def make_error(name: object, reason: object) -> InputError:
    """Make the error of a file of results that cannot be used."""
    return InputError(f"{name} cannot be read as results: {reason}")


class Photographs(NamedTuple):
    """What scores must share to stand in one table.

    ``digests`` has one for each split; none if the run recorded none.
    """

    dataset: str
    size: int
    counts: str
    digests: tuple[tuple[str, str], ...]


def get_photographs(found: Mapping[str, Any]) -> Photographs:
    """Return the photographs that a run has learned from and was scored on."""
    counts = ", ".join(f"{count} {split}" for split, count in found["images"].items())
    digests = tuple(sorted(found.get("data", {}).items()))
    return Photographs(found["dataset"], found["config"]["dataset"]["size"], counts, digests)


def make_titles(several: Iterable[Photographs]) -> dict[Photographs, str]:
    """Make headings of tables, which say what differs where only digests do."""
    found: dict[Photographs, str] = {}
    firsts: dict[tuple[str, int, str], Photographs] = {}
    for photographs in several:
        name, size, counts, digests = photographs
        first = firsts.setdefault((name, size, counts), photographs)
        title = f"{name}: {counts} photographs at {size} px"
        if splits := list_other_splits(dict(first.digests), dict(digests)):
            title += f"; other {splits} photographs than above"
        elif first != photographs:
            title += "; no record of whether these are the photographs above"
        found[photographs] = title
    return found


def list_other_splits(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """List the splits of which both record a digest, and not the same one."""
    return ", ".join(split for split in first if second.get(split, first[split]) != first[split])


def find_best_baseline(found: Mapping[str, Any]) -> str:
    """Find the name of the baseline with the smallest error on test."""
    test: Mapping[str, Mapping[str, float]] = found["test"]
    return min((name for name in test if name in BASELINES), key=lambda name: test[name]["mse"])


def measure_error_removed(found: Mapping[str, Any]) -> float:
    """Measure the share of the best baseline's test error that the network removes, or adds."""
    test = found["test"]
    return measure_share_removed(test["network"]["mse"], test[find_best_baseline(found)]["mse"])


def measure_share_removed(error: float, of: float) -> float:
    """Measure the share of a baseline's error that is removed; of none, as of a tiny one."""
    return 1 - error / max(of, TINY)


def flatten_scores(found: Mapping[str, Any]) -> dict[str, float]:
    """Return final scores by the names that TensorBoard's hyperparameter tab shows."""
    scores = {f"final/val_{name}": value for name, value in found["val"].items()}
    return scores | {f"final/test_{n}": value for n, value in found["test"]["network"].items()}


def get_error(outcome: Mapping[str, Any]) -> float:
    """Return the validation error that an outcome has, which a search minimises."""
    value = math.inf if "error" in outcome else float(outcome["val"]["mse"])
    return math.inf if math.isnan(value) else value
