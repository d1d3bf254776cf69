"""One table for all runs on the same photographs: networks beside the baselines."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorization.errors import InputError
from colorization.files.atomic import matching, write_text
from colorization.metrics.measures import EVERY_EPOCH, MEASURES, format_scores
from colorization.models.results import (
    PAPER_MSE,
    NoScoresError,
    Photographs,
    get_photographs,
    make_titles,
    measure_error_removed,
    read_results,
)
from colorization.reports.tables import escaped, markdown

log = logging.getLogger(__name__)

INTRODUCTION = """Made by `colorization report`. Scores are of the test photographs: the mean
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


def compare_runs(runs: Sequence[str], output: Path) -> str:
    """Write a Markdown table for all runs on the same photographs, from their results.

    What holds no scores of a run is left out, with a line in the log.

    Args:
        runs: glob patterns of ``results.json`` files.
        output: Markdown file to write.

    Raises:
        InputError: if there is no such file, or one is damaged.
    """
    paths = sorted({path for pattern in runs for path in matching(pattern)[1]})
    if not paths:
        raise InputError(f"no results match {', '.join(runs)}; train first, or name other files")
    groups: dict[Photographs, dict[str, dict[str, Any]]] = {}
    for path in paths:
        try:
            results = read_results(path)
        except NoScoresError as reason:
            log.warning("left out: %s", reason)
            continue
        except InputError as error:
            raise InputError(f"{error}; leave it out of runs, or train again") from error
        group = groups.setdefault(get_photographs(results), {})
        group[str(path) if name_run(path) in group else name_run(path)] = results
    if not groups:
        raise InputError(f"every run of {', '.join(runs)} failed, was given up or is no run")
    text = INTRODUCTION
    for photographs, title in make_titles(groups).items():
        text += (
            f"\n### {escaped(title)}\n\n{format_table(photographs.dataset, groups[photographs])}"
        )
    write_text(text, output)
    return text


def name_run(path: Path) -> str:
    """A run's name: of the file, or of the folders of an outputs/ run."""
    return "/".join(path.parts[-3:-1]) if path.name == "results.json" else path.stem


def format_table(dataset: str, runs: Mapping[str, Mapping[str, Any]]) -> str:
    """The baselines once, then every run's network, then the paper, as Markdown."""
    first = next(iter(runs.values()))
    rows = [
        [predictor, *format_scores(scores), "", ""]
        for predictor, scores in first["test"].items()
        if predictor != "network"
    ]
    for run, results in runs.items():
        scores = format_scores(results["test"]["network"])
        rows.append(
            [run, *scores, f"{measure_error_removed(results):.1%}", describe_training(results)]
        )
    if dataset in PAPER_MSE:
        missing = [""] * (len(COLUMNS) - 2)
        rows.append(["the paper, on its own photographs", f"{PAPER_MSE[dataset]:.7f}", *missing])
    return markdown(COLUMNS, rows, list(runs))


def describe_training(results: Mapping[str, Any]) -> str:
    """How long a run trained and what ended it."""
    return (
        f"{results['epochs']} epochs in {results['minutes']:.1f} min "
        f"on {results['environment']['accelerator']}, ended by {results['ended_by']}; "
        f"best at epoch {results['best_epoch']}"
    )
