"""The paper's runs to their end: curves by epoch, and errors beside tables and the paper's own.

    python -m benchmarks.paper RUN... [--output FILE.md] [--picture FILE.svg] [--keep FILE.jsonl]

RUN is the folder of an experiment=paper_faces or paper_dogs that has ended, or a file of such runs
that --keep wrote. Runs of one dataset and activation that differ in their seed share a panel and a
row. The test error is logged every few epochs, for the curve alone: the best epoch is the one with
the least validation error.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorization.cli.command import one_line_errors
from colorization.errors import InputError
from colorization.files.atomic import replacing, write_text
from colorization.models.results import (
    PAPER_MSE,
    PAPER_TRAINING_MSE,
    find_best_baseline,
    find_outcome,
)
from colorization.reports.tables import markdown
from colorization.sweeps.runs import read_scalars
from colorization.sweeps.standings import Summary
from colorization.training.by_epoch import CURVE

CURVES = {"train/loss": "training", "val/mse": "validation", CURVE: "test"}
USED = ("dataset", "seed", "config", "epochs", "best_epoch", "test")
"""Of a run's results."""
FORM = "{:.6f}"
Curve = Mapping[int, float]
"""Errors by epoch."""


class Run(NamedTuple):
    """A run that has ended: its results, and its curves by their names in TensorBoard."""

    results: Mapping[str, Any]
    curves: Mapping[str, Curve]

    @property
    def kind(self) -> tuple[str, str]:
        """Its dataset and activation."""
        return self.results["dataset"], self.results["config"]["network"]["activation"]


def read_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises:
        InputError: if it has not ended, or has no test errors by epoch.
    """
    results = find_outcome(folder)
    if not results or "error" in results:
        raise InputError(f"{folder} is no run that has ended")
    scalars = {name: read_scalars(folder, name) for name in CURVES}
    if not scalars[CURVE]:
        raise InputError(f"{folder} has no test errors by epoch; train with trainer.test_every=5")
    epoch_of = {step: epoch for epoch, step in enumerate(scalars["val/mse"], start=1)}
    curves = {
        name: {epoch_of[step]: value for step, value in found.items() if step in epoch_of}
        for name, found in scalars.items()
    }
    return Run(results, curves)


def read_runs(path: Path) -> list[Run]:
    """Read a run's folder, or a file of :func:`keep_runs`.

    Raises:
        InputError: as of a folder, or for a file of something else.
    """
    if not path.is_file():
        return [read_run(path)]
    try:
        found = [parse_run(json.loads(line)) for line in path.read_text().splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a file that --keep wrote") from error
    if not found:
        raise InputError(f"{path} is empty; --keep writes a run a line")
    return found


def parse_run(kept: Mapping[str, Any]) -> Run:
    """Return the run of a line of :func:`keep_runs`; KeyError or TypeError if it is another's."""
    results = {name: kept["results"][name] for name in USED}
    find_best_baseline(results)
    float(results["test"]["network"]["mse"])
    curves = {
        name: {int(epoch): float(value) for epoch, value in kept["curves"][name].items()}
        for name in CURVES
    }
    return Run(results, curves)


def keep_runs(runs: Sequence[Run], path: Path) -> None:
    """Write what is drawn and tabulated, a run a line, for its folder may be large."""
    kept = []
    for run in runs:
        results = {name: run.results[name] for name in USED}
        results["config"] = {"network": results["config"]["network"]}  # the rest names folders
        kept.append({"results": results, "curves": run.curves})
    write_text("".join(f"{json.dumps(run)}\n" for run in kept), path)


def find_last(curve: Curve) -> float:
    return curve[max(curve)]


def tabulate(kinds: Mapping[tuple[str, str], Sequence[Run]]) -> str:
    """Format a row for each dataset and activation, after the best table and the paper."""
    header = ["", "seeds", "epochs", "training, end", "least val, epoch"]
    header += ["test, best epoch", "test, end", "test, least on the curve"]
    rows = []
    for dataset, runs in groupby(kinds.items(), key=lambda item: item[0][0]):
        several = list(runs)
        first = several[0][1][0].results
        table = find_best_baseline(first)
        best = FORM.format(first["test"][table]["mse"])
        rows.append([f"{dataset}: {table}", "", "", "", "", best, "", ""])
        paper = f"{PAPER_MSE[dataset]:.7f}" if dataset in PAPER_MSE else ""
        training = f"{PAPER_TRAINING_MSE[dataset]:g}" if dataset in PAPER_TRAINING_MSE else ""
        rows.append([f"{dataset}: the paper", "", "", training, "", "", paper, ""])
        rows += [format_row(f"{dataset}: {kind}", found) for (_, kind), found in several]
    return markdown(header, rows)


def format_row(name: str, runs: Sequence[Run]) -> list[str]:
    """Format mean and standard deviation over the seeds."""
    results = [run.results for run in runs]
    tests = [run.curves[CURVE] for run in runs]
    return [
        name,
        str(len(runs)),
        ", ".join(str(result["epochs"]) for result in results),
        Summary([find_last(run.curves["train/loss"]) for run in runs]).text(FORM),
        ", ".join(str(result["best_epoch"]) for result in results),
        Summary([result["test"]["network"]["mse"] for result in results]).text(FORM),
        Summary([find_last(curve) for curve in tests]).text(FORM),
        Summary([min(curve.values()) for curve in tests]).text(FORM),
    ]


def draw(kinds: Mapping[tuple[str, str], Sequence[Run]]) -> Figure:
    """Draw a panel for each dataset and activation: all seeds, and where val is least."""
    columns = min(2, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(5 * columns, 3.5 * rows), layout="constrained")
    for place, ((dataset, activation), runs) in enumerate(kinds.items(), start=1):
        axes = figure.add_subplot(rows, columns, place)
        draw_panel(axes, dataset, runs)
        axes.set_title(f"{dataset}, {activation}", fontsize=10)
    return figure


def draw_panel(axes: Axes, dataset: str, runs: Sequence[Run]) -> None:
    """Draw the curves of one dataset and activation."""
    for color, (name, label) in zip(("C0", "C1", "C2"), CURVES.items(), strict=True):
        for place, run in enumerate(run for run in runs if name in run.curves):
            curve = run.curves[name]
            said = label if place == 0 else None
            axes.plot([*curve], [*curve.values()], color=color, linewidth=1, label=said)
    if dataset in PAPER_MSE:
        axes.axhline(PAPER_MSE[dataset], color="gray", linestyle=":", label="the paper's test")
    for place, run in enumerate(runs):
        said = "least validation error" if place == 0 else None
        axes.axvline(run.results["best_epoch"], color="gray", linewidth=0.8, label=said)
    later = [v for run in runs for curve in run.curves.values() for e, v in curve.items() if e > 1]
    axes.set(xlabel="epoch", ylabel="MSE of ab/128", yscale="log")
    axes.set_ylim(top=1.1 * max(later, default=1))  # the first epoch is far above
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.legend(frameon=False, fontsize=8)


def group(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """Group runs by dataset and activation, in the order of seeds.

    Raises:
        InputError: if two runs differ in nothing.
    """
    ordered = sorted(runs, key=lambda run: (run.kind, run.results["seed"]))
    for one, other in pairwise(ordered):
        if (one.kind, one.results["seed"]) == (other.kind, other.results["seed"]):
            raise InputError(f"seed {one.results['seed']} of {', '.join(one.kind)} comes twice")
    return {kind: list(found) for kind, found in groupby(ordered, key=lambda run: run.kind)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    parser.add_argument("--picture", type=Path, help="SVG file for the curves")
    parser.add_argument("--keep", type=Path, help="JSON lines file for the runs themselves")
    options = parser.parse_args()
    with one_line_errors():
        runs = [run for path in options.runs for run in read_runs(path)]
        if options.keep:
            keep_runs(runs, options.keep)
        kinds = group(runs)
        text = tabulate(kinds)
        if options.picture:
            with replacing(options.picture) as beside:
                draw(kinds).savefig(beside, format="svg", metadata={"Date": None})
    print(text)
    if options.output:
        write_text(text, options.output)


if __name__ == "__main__":
    main()
