"""One table a dataset of networks beside the baselines: ``python -m src.report``."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from src import command
from src.config import CONF, checked
from src.errors import InputError
from src.files import matching, write_text
from src.metrics import EVERY_EPOCH, MEASURES
from src.results import PAPER_MSE, comparable, error_removed, markdown, score_cells
from src.schemas.commands import Report

log = logging.getLogger(__name__)

INTRODUCTION = """Made by `python -m src.report`. Scores are of the test photographs: the mean
squared error of ab/128; PSNR of uint8 RGB; the mean absolute RGB difference; the paper's signed RGB
difference, summed over a photograph, in which errors cancel. The last columns: the share of the
best baseline's squared error that a network removes, and how it was trained.
"""
COLUMNS = [
    "predictor",
    *(MEASURES[metric].label for metric in EVERY_EPOCH),
    "error removed",
    "training",
]


def report(runs: Sequence[str], output: Path) -> str:
    """Write a Markdown table a dataset, from runs' results.

    Args:
        runs: glob patterns of ``results.json`` files.
        output: Markdown file to write.

    Raises:
        InputError: if there is no such file, or it is not a finished run's results.
    """
    paths = sorted({path for pattern in runs for path in matching(pattern)[1]})
    if not paths:
        raise InputError(f"no results match {', '.join(runs)}; train first, or set runs=[PATH]")
    groups: dict[tuple[str, int, str], dict[str, dict[str, Any]]] = {}
    for path in paths:
        if (results := read_results(path)) is not None:
            groups.setdefault(comparable(results), {})[label(path)] = results
    if not groups:
        raise InputError(f"every run of {', '.join(runs)} failed")
    text = INTRODUCTION + "".join(section(*key, found) for key, found in groups.items())
    write_text(text, output)
    return text


def read_results(path: Path) -> dict[str, Any] | None:
    """Read one run's results; None, and a warning, if the run failed.

    Raises:
        InputError: if they are not a run's results.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text())
        if "error" in results:
            log.warning("left out %s, which failed: %s", path, results["error"])
            return None
        comparable(results)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as results: {error}") from error
    return results


def label(path: Path) -> str:
    """A run's name: of the file, or of the folders of an outputs/ run."""
    return "/".join(path.parts[-3:-1]) if path.name == "results.json" else path.stem


def section(name: str, size: int, counts: str, runs: Mapping[str, Mapping[str, Any]]) -> str:
    """A heading and a table: the baselines once, then every run's network, then the paper."""
    first = next(iter(runs.values()))
    rows = [
        [predictor, *score_cells(scores), "", ""]
        for predictor, scores in first["test"].items()
        if predictor != "network"
    ]
    for run, results in runs.items():
        scores = score_cells(results["test"]["network"])
        removed = f"{error_removed(results):.1%}"
        rows.append([f"**{run}**", *scores, removed, training_cell(results)])
    if name in PAPER_MSE:
        missing = [""] * (len(COLUMNS) - 2)
        rows.append(["the paper, on its own photographs", f"{PAPER_MSE[name]:.7f}", *missing])
    heading = f"\n### {name}: {counts} photographs at {size} px\n\n"
    return heading + markdown(COLUMNS, rows)


def training_cell(results: Mapping[str, Any]) -> str:
    """How long a run trained and what ended it."""
    return (
        f"{results['epochs']} epochs in {results['minutes']:.1f} min "
        f"on {results['environment']['accelerator']}, ended by {results['ended_by']}; "
        f"best at epoch {results['best_epoch']}"
    )


@hydra.main(version_base="1.3", config_path=CONF, config_name="report")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        settings: Report = checked(config)
        print(report(settings.runs, Path(settings.output)))


if __name__ == "__main__":
    command.run(main, Report)
