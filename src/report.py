"""One table a dataset of networks beside the baselines: ``python -m src.report``."""

import json
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from src import command
from src.config import CONF, Report, checked, register
from src.errors import InputError
from src.files import write_text
from src.results import METRICS, PAPER_MSE, error_removed, markdown, score_cells

COLUMNS = ["predictor", *(label for label, _ in METRICS.values()), "error removed", "training"]


def report(runs: Sequence[str], output: Path) -> str:
    """Write a Markdown table a dataset, from runs' results.

    Args:
        runs: glob patterns of ``results.json`` files.
        output: Markdown file to write.

    Raises:
        InputError: if there is no such file, or it is not a finished run's results.
    """
    paths = sorted({Path(path) for pattern in runs for path in glob(pattern, recursive=True)})
    if not paths:
        raise InputError(f"no results match {', '.join(runs)}; train first, or set runs=[PATH]")
    found = {path: read_results(path) for path in paths}
    datasets = dict.fromkeys(results["dataset"] for results in found.values())
    text = "\n".join(
        dataset_section(name, {p: r for p, r in found.items() if r["dataset"] == name})
        for name in datasets
    )
    write_text(text, output)
    return text


def read_results(path: Path) -> dict[str, Any]:
    """Read one run's results.

    Raises:
        InputError: if they are not the results of a finished run.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as results: {error}") from error
    if "test" not in results:
        raise InputError(f"{path} is of a run that failed: {results.get('error', 'no scores')}")
    return results


def dataset_section(name: str, runs: Mapping[Path, Mapping[str, Any]]) -> str:
    """A heading and a table: the baselines once, then every run's network, then the paper."""
    first = next(iter(runs.values()))
    images, size = first["images"], first["config"]["dataset"]["size"]
    rows = [
        [predictor, *score_cells(scores), "", ""]
        for predictor, scores in first["test"].items()
        if predictor != "network"
    ]
    for path, results in runs.items():
        label = path.stem if path.stem != "results" else path.parent.name
        scores = score_cells(results["test"]["network"])
        rows.append(
            [f"**{label}**", *scores, f"{error_removed(results):.1%}", training_cell(results)]
        )
    if name in PAPER_MSE:
        missing = [""] * (len(COLUMNS) - 2)
        rows.append(["the paper, on its own photographs", f"{PAPER_MSE[name]:.7f}", *missing])
    counts = ", ".join(f"{count} {split}" for split, count in images.items())
    return f"### {name}: {counts} photographs at {size} px\n\n" + markdown(COLUMNS, rows)


def training_cell(results: Mapping[str, Any]) -> str:
    """How long a run trained and what ended it."""
    return (
        f"{results['epochs']} epochs in {results['minutes']:.0f} min "
        f"on {results['environment']['accelerator']}, ended by {results['ended_by']}; "
        f"best at epoch {results['best_epoch']}"
    )


@hydra.main(version_base="1.3", config_path=CONF, config_name="report")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        settings: Report = checked(config)
        print(report(settings.runs, Path(settings.output)))


if __name__ == "__main__":
    register()
    command.run(main)
