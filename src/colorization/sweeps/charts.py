"""A sweep as pictures: every run's path through the settings, and its validation error."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from colorization.models.results import get_error
from colorization.reports.page import as_svg, plain_legend
from colorization.sweeps.runs import Run

FAR = 3  # times the best error
MARKS = (0.0, 0.25, 0.5, 0.75, 1.0)  # with a label, on an axis of numbers
NAMED = 5  # runs in the legend
SPREAD = 0.04  # of an axis, between runs that have the same value


def draw_paths(runs: Sequence[Run]) -> str:
    """One vertical axis a setting and one for the validation error; one line a finished run.

    Args:
        runs: the best first; at least one is finished.
    """
    finished = [run for run in runs if run.is_finished]
    names = list(finished[0].settings)
    figure = Figure(figsize=(max(6, 2.2 * len(names) + 2), 4), layout="constrained")
    axes = figure.subplots()
    places = [draw_setting(axes, x, name, finished) for x, name in enumerate(names)]
    places.append(draw_error(axes, len(names), finished))
    for index in reversed(range(len(finished))):
        line = [place[index] for place in places]
        axes.plot(
            line, color=choose_color(index, len(finished)), linewidth=3 if index == 0 else 1.2
        )
    axes.set(xticks=range(len(places)), yticks=[], ylim=(-0.06, 1.06))
    axes.set_xticklabels([*names, "val MSE"], parse_math=False)
    axes.spines[:].set_visible(False)
    return as_svg(figure)


def draw_setting(axes: Axes, x: int, name: str, runs: Sequence[Run]) -> list[float]:
    """Draw a setting's axis; returns where on it (0..1) each run is."""
    words = [run.settings[name] for run in runs]
    numbers = [parse_number(word) for word in words]
    if any(value is None for value in numbers) or len(set(words)) <= 6:
        known = sorted(set(words), key=lambda word: (parse_number(word) or 0, word))
        step = 1 / max(1, len(known) - 1)
        middle = {word: place * step for place, word in enumerate(known)}
        ticks = {word or "-": place for word, place in middle.items()}
        nudge = np.linspace(-SPREAD, SPREAD, len(runs)) if len(runs) > 1 else [0.0]
        found = [middle[word] + shift for word, shift in zip(words, nudge, strict=True)]
    else:
        found, ticks = scale_values([value for value in numbers if value is not None])
    draw_axis(axes, x, ticks)
    return [float(place) for place in found]


def draw_error(axes: Axes, x: int, runs: Sequence[Run]) -> list[float]:
    """Draw the validation error's axis, the best on top; returns where on it each run is.

    It ends at ``FAR`` times the best, where all lie that are worse: one that has not learned would
    leave no room to tell the others apart.
    """
    errors = [get_error(run.outcome) for run in runs]
    worst = FAR * min(errors)
    places, ticks = scale_values([min(error, worst) for error in errors])
    is_beyond = max(errors) > worst
    said = {f"{label} and more" if is_beyond and p == 1 else label: p for label, p in ticks.items()}
    draw_axis(axes, x, {label: 1 - place for label, place in said.items()})
    return [1 - place for place in places]


def draw_axis(axes: Axes, x: int, ticks: dict[str, float]) -> None:
    axes.axvline(x, color="0.7", linewidth=1, zorder=0)
    for label, place in ticks.items():
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1}
        axes.text(
            x + 0.03, place, label, fontsize=8, va="center", bbox=box, zorder=3, parse_math=False
        )


def scale_values(values: Sequence[float]) -> tuple[list[float], dict[str, float]]:
    """Values on 0..1, in logarithms where all are positive and far apart; and labels there."""
    least, most = min(values), max(values)
    is_log = least > 0 and most / least > 5
    low, high = (math.log(least), math.log(most)) if is_log else (least, most)
    span = (high - low) or 1.0
    places = [((math.log(value) if is_log else value) - low) / span for value in values]
    marks = [low + span * share for share in MARKS]
    labels = [f"{math.exp(mark) if is_log else mark:.3g}" for mark in marks]
    return places, dict(zip(labels, MARKS, strict=True))


def parse_number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def draw_curves(runs: Sequence[Run]) -> str:
    """The validation error by epoch, one line a run; the best are named.

    Args:
        runs: the best first; at least one has a curve.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    shown = [run for run in runs if run.curve]
    lines = {}
    for index, run in reversed(list(enumerate(shown))):
        (line,) = axes.plot(
            range(1, len(run.curve) + 1),
            run.curve,
            color=choose_color(index, len(shown)),
            linestyle="-" if run.is_finished else ":",
            linewidth=2 if index == 0 else 1,
        )
        lines[f"{run.number}: {', '.join(run.settings.values())}"] = line
    best = min(min(run.curve) for run in shown)
    most = max(shown[0].curve[0], *(run.curve[-1] for run in shown))
    axes.set(xlabel="epoch", ylabel="val MSE of ab/128", yscale="log")
    axes.set_ylim(0.95 * best, min(most, 20 * best) * 1.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    best_lines = dict(list(lines.items())[: -NAMED - 1 : -1])
    plain_legend(axes, best_lines, fontsize=8, title="the best")
    return as_svg(figure)


def choose_color(rank: int, count: int) -> tuple[float, float, float, float]:
    """Dark for the best run, pale for the last."""
    found: tuple[float, float, float, float] = colormaps["viridis"](0.95 * rank / max(1, count - 1))
    return found
