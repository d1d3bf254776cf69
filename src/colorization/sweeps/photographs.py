"""What photographs are worth: scores by their number, drawn."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorization.files.atomic import replacing
from colorization.models.results import PUBLISHED
from colorization.reports.page import plain_legend
from colorization.sweeps.standings import Standing, find_least_error, list_ended

Scores = Mapping[str, Mapping[str, float]]
"""A run's test scores, by the rows of its table."""


def get_error(test: Scores) -> float:
    return test["network"]["mse"]


def get_gain(test: Scores) -> float:
    return test["network"]["psnr"] - test["gray"]["psnr"]


def get_colors(test: Scores) -> float:
    return test["network"]["colorfulness"]


def write_worth(standings: Sequence[Standing], path: Path) -> None:
    """Write :func:`draw_worth` as SVG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        draw_worth(standings).savefig(beside, format="svg", metadata={"Date": None})


def draw_worth(standings: Sequence[Standing]) -> Figure:
    """Draw error, gain over gray and colourfulness by the number of training photographs.

    A point is the mean over seeds; its bar the standard deviation.

    Args:
        standings: of one dataset; at least one run has ended.
    """
    several = sorted(standings, key=lambda standing: standing.train)
    runs = [run for standing in several for run in list_ended(standing)]
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    error, gain, colors = panels = figure.subplots(1, 3)
    names = list(dict.fromkeys(name for standing in several for name in standing.found))
    lines = {name: line for name in names if (line := draw_recipe(panels, name, several))}
    best = {s.train: find_least_error(found[0]) for s in several if (found := list_ended(s))}
    (lines["the best table"],) = error.plot([*best], [*best.values()], "k--", linewidth=1)
    gray = runs[0]["test"]["gray"]
    colors.axhline(gray["colorfulness"] - gray["colorfulness_shift"], color="black", linewidth=1)
    gain.axhline(0, color="black", linewidth=1)
    (lines[PUBLISHED.name],) = gain.plot(PUBLISHED.photographs, PUBLISHED.gain, "x", color="gray")
    colors.plot(PUBLISHED.photographs, PUBLISHED.colorfulness, "x", color="gray")
    error.set_title("MSE of ab/128", fontsize=10)
    gain.set_title("gain of PSNR over gray, dB", fontsize=10)
    colors.set_title("colourfulness (the line: the truth's)", fontsize=10)
    for axes in panels:
        axes.set(xscale="log", xlabel="training photographs")
        axes.spines[["top", "right"]].set_visible(False)
    plain_legend(figure, lines, fontsize=8, loc="outside lower center", ncols=5)
    return figure


def draw_recipe(panels: Sequence[Axes], name: str, several: Sequence[Standing]) -> Any:
    """Draw one recipe into the panels; return its line in the first, None if no run has ended."""
    found = {s.train: [run["test"] for run in list_ended(s, name)] for s in several}
    found = {count: tests for count, tests in found.items() if tests}
    if not found:
        return None
    measures: Sequence[Callable[[Scores], float]] = (get_error, get_gain, get_colors)
    lines = []
    for axes, measure in zip(panels, measures, strict=True):
        values = [[measure(test) for test in tests] for tests in found.values()]
        spread = [stdev(v) if len(v) > 1 else 0 for v in values]
        marker = "o" if len(found) > 1 else "D"
        middle = [mean(v) for v in values]
        bars = spread if any(spread) else None
        lines.append(axes.errorbar([*found], middle, bars, marker=marker, ms=4, capsize=3))
    return lines[0]
