"""A run's results: written as JSON, read again, shown in the terminal."""

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import AfterValidator, TypeAdapter, ValidationError
from rich import get_console
from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.metrics.measures import EVERY_EPOCH, MEASURES, format_scores
from colorization.models.baselines import BASELINES
from colorization.models.hardware import Hardware
from colorization.reports.tables import Table, print_table

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
TINY = 1e-12  # a squared error of ab/128 that no picture shows
PAPER_MSE = {"faces": 0.0014189, "dogs": 0.0076965}
"""Test losses that the paper reports, on photographs of its own."""


def environment(device: Hardware) -> dict[str, str]:
    """Versions and hardware of a run."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "accelerator": device.accelerator,
        "precision": device.precision,
        **{package: version(package) for package in PACKAGES},
    }


def save(found: Mapping[str, Any], folder: Path) -> None:
    """Write ``results.json``, whole or not at all."""
    write_text(json.dumps(found, indent=2) + "\n", folder / "results.json")


def finite(scores: dict[str, float]) -> dict[str, float]:
    """Raise ValueError unless all scores are finite, an error among them; PSNR may be infinite."""
    for name, value in scores.items():
        if not math.isfinite(value) and (name, value) != ("psnr", math.inf):
            raise ValueError(f"{name} is {value}")
    if not scores.get("mse", -1) >= 0:
        raise ValueError("mse is missing or negative")
    return scores


Scores = Annotated[dict[str, float], AfterValidator(finite)]


def beside_baselines(test: dict[str, Scores]) -> dict[str, Scores]:
    """Raise ValueError unless there are a network and a baseline to compare it with."""
    if "network" not in test or not test.keys() & set(BASELINES):
        raise ValueError("the network or every baseline is missing")
    return test


Tests = Annotated[dict[str, Scores], AfterValidator(beside_baselines)]


class Failed(TypedDict):
    """The outcome of a run that failed."""

    error: str
    config: NotRequired[dict[str, Any]]


class GivenUp(TypedDict):
    """The outcome of a run that a search gave up."""

    pruned: str
    val: Scores


class Size(TypedDict):
    """Settings of a dataset, as far as tables need them."""

    size: int


class OfDataset(TypedDict):
    """Settings of a run, as far as tables need them."""

    dataset: Size


class Scored(TypedDict):
    """Scores of a run on test photographs, and which photographs those are."""

    dataset: str
    images: dict[str, int]
    config: OfDataset
    data: NotRequired[dict[str, str]]
    test: Tests


class ModelScores(TypedDict):
    """What a model's description takes out of the results of its run."""

    images: dict[str, int]
    images_seen: int
    seed: int
    test: Tests


class NoScoresError(InputError):
    """A ``results.json`` holds no scores of a run, and is whole all the same."""


def read_outcome(path: Path, needed: Any) -> dict[str, Any]:
    """Read what a run has left: its results, or ``error`` if it failed, or ``pruned``.

    Args:
        needed: a TypedDict of what the caller takes out of results.

    Raises:
        NoScoresError: if they are of an evaluation.
        InputError: if it cannot be read, or a value is missing or of another kind.
        FileNotFoundError: if there is none.
    """
    found = read_json(path)
    if {"checkpoints", "datasets"} <= found.keys():
        raise NoScoresError(f"{path} is of src.evaluate, not of a run of src.train")
    shape = Failed if "error" in found else GivenUp if "pruned" in found else needed
    check_kinds(found, shape, path)
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a ``results.json``, whatever it holds; errors are those of :func:`read_outcome`."""
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, getattr(error, "strerror", error)) from error
    if not isinstance(found, dict):
        raise unreadable(path, "it is no JSON object")
    return found


def check_kinds(found: Mapping[str, Any], shape: Any, path: Path) -> None:
    """Raise InputError unless results have all values of a TypedDict, of the kinds that it says."""
    try:
        TypeAdapter(shape).validate_python(found, strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        reason = str(fault["msg"]).removeprefix("Value error, ")
        where = ".".join(map(str, fault["loc"]))
        raise unreadable(path, f"{where}: {reason[0].lower()}{reason[1:]}") from error


def unreadable(path: Path, reason: object) -> InputError:
    return InputError(f"{path} cannot be read as results: {reason}")


def read_results(path: Path, needed: Any) -> dict[str, Any]:
    """Read the results of a run that ended well, as :func:`read_outcome`.

    Raises:
        NoScoresError: for anything else that is whole.
    """
    found = read_outcome(path, needed)
    for name, said in {"error": "failed", "pruned": "was given up"}.items():
        if name in found:
            raise NoScoresError(f"{path} is of a run which {said}: {found[name]}")
    return found


class Photographs(NamedTuple):
    """What scores must share to stand in one table.

    ``digests`` has one for each split; none if the run recorded none.
    """

    dataset: str
    size: int
    counts: str
    digests: tuple[tuple[str, str], ...]


def photographs_of(found: Mapping[str, Any]) -> Photographs:
    """The photographs that a run has learned from and was scored on."""
    counts = ", ".join(f"{count} {split}" for split, count in found["images"].items())
    digests = tuple(sorted(found.get("data", {}).items()))
    return Photographs(found["dataset"], found["config"]["dataset"]["size"], counts, digests)


def titles(several: Iterable[Photographs]) -> dict[Photographs, str]:
    """Headings of tables, which say what differs where only digests do."""
    found: dict[Photographs, str] = {}
    firsts: dict[tuple[str, int, str], Photographs] = {}
    for photographs in several:
        name, size, counts, digests = photographs
        first = firsts.setdefault((name, size, counts), photographs)
        title = f"{name}: {counts} photographs at {size} px"
        if splits := other_splits(dict(first.digests), dict(digests)):
            title += f"; other {splits} photographs than above"
        elif first != photographs:
            title += "; no record of whether these are the photographs above"
        found[photographs] = title
    return found


def other_splits(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """Splits of which both record a digest, and not the same one."""
    return ", ".join(split for split in first if second.get(split, first[split]) != first[split])


def best_baseline(found: Mapping[str, Any]) -> str:
    """Name of the baseline with the smallest error on test."""
    test: Mapping[str, Mapping[str, float]] = found["test"]
    return min((name for name in test if name in BASELINES), key=lambda name: test[name]["mse"])


def error_removed(found: Mapping[str, Any]) -> float:
    """Share of the best baseline's test error that the network removes; negative if it is worse."""
    test = found["test"]
    return share_removed(test["network"]["mse"], test[best_baseline(found)]["mse"])


def share_removed(error: float, of: float) -> float:
    """Share of a baseline's error that is not there any more; of none, as of a tiny one."""
    return 1 - error / max(of, TINY)


def summary(found: Mapping[str, Any]) -> str:
    """In a sentence, what the network is worth beside the best baseline."""
    share, baseline = error_removed(found), best_baseline(found)
    if share > 0:
        return f"The network removes {share:.1%} of the error of the best baseline, {baseline}."
    times = f"{1 - share:.2f} times its error"
    return f"The network does NOT beat the best baseline, {baseline}: it has {times}."


def show(found: Mapping[str, Any], folder: Path) -> None:
    """Print the network beside the baselines, the summary, and where the run lies."""
    title = f"{found['dataset']}: {found['images']['test']} test photographs"
    header = ["predictor", *(MEASURES[metric].label for metric in EVERY_EPOCH)]
    rows = [[name, *format_scores(scores)] for name, scores in found["test"].items()]
    print_table(Table(title, header, rows, ["network"]))
    console = get_console()
    console.print(summary(found), highlight=False)
    console.print(f"run folder: {folder}", soft_wrap=True, highlight=False, markup=False)


def flat_scores(found: Mapping[str, Any]) -> dict[str, float]:
    """Final scores by the names that TensorBoard's hyperparameter tab shows."""
    scores = {f"final/val_{name}": value for name, value in found["val"].items()}
    return scores | {f"final/test_{n}": value for n, value in found["test"]["network"].items()}
