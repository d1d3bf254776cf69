"""A run's results: written as JSON, shown as tables in the terminal and in Markdown."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box, get_console
from rich.markup import escape
from rich.table import Table

from src.baselines import BASELINES
from src.files import write_text
from src.hardware import Hardware
from src.metrics import EVERY_EPOCH, MEASURES

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


def comparable(found: Mapping[str, Any]) -> tuple[str, int, str]:
    """Runs whose scores may stand in one table have the same dataset, size and counts."""
    counts = ", ".join(f"{count} {split}" for split, count in found["images"].items())
    return found["dataset"], found["config"]["dataset"]["size"], counts


def best_baseline(found: Mapping[str, Any]) -> str:
    """Name of the baseline with the smallest error on test."""
    test: Mapping[str, Mapping[str, float]] = found["test"]
    return min((name for name in test if name in BASELINES), key=lambda name: test[name]["mse"])


def error_removed(found: Mapping[str, Any]) -> float:
    """Share of the best baseline's test error that the network removes; negative if it is worse."""
    test = found["test"]
    share: float = 1 - test["network"]["mse"] / test[best_baseline(found)]["mse"]
    return share


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
    rows = [[name, *score_cells(scores)] for name, scores in found["test"].items()]
    print_table(title, header, rows, ["network"])
    console = get_console()
    console.print(summary(found), highlight=False)
    console.print(f"run folder: {folder}", soft_wrap=True, highlight=False)


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[str] = ()
) -> None:
    """Print a table; the first column to the left, rows that start with a name of ``bold`` so."""
    table = Table(title=title, box=box.SIMPLE)
    table.add_column(header[0], overflow="fold")
    for label in header[1:]:
        table.add_column(label, justify="right")
    for row in rows:
        table.add_row(*map(escape, row), style="bold" if row[0] in bold else None)
    get_console().print(table)


def score_cells(scores: Mapping[str, float], metrics: Sequence[str] = EVERY_EPOCH) -> list[str]:
    """Scores as text, in the order of ``metrics``; a dash for what was not measured."""
    return [
        MEASURES[metric].form.format(scores[metric]) if metric in scores else "-"
        for metric in metrics
    ]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = [cells[0], ["---"] + ["---:"] * (len(header) - 1), *cells[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The first name, by the alphabet, whose values differ; what is missing is None."""
    names = sorted(old.keys() | new.keys())
    return next((name for name in names if old.get(name) != new.get(name)), None)


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one, keys joined by dots."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def flat_scores(found: Mapping[str, Any]) -> dict[str, float]:
    """Final scores by the names that TensorBoard's hyperparameter tab shows."""
    scores = {f"final/val_{name}": value for name, value in found["val"].items()}
    return scores | {f"final/test_{n}": value for n, value in found["test"]["network"].items()}
