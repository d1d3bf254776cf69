"""Charts of mistakes, as SVG that a page can hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from colorization.color import lab_to_rgb
from colorization.evaluation.mistakes import (
    CELL,
    CHROMA_STEP,
    LIGHTNESS_STEP,
    REACH,
    Mistakes,
    mean_error,
)
from colorization.reports.page import as_svg, plain_legend

DECADES = 3  # of density, from the densest cell down to what is left white


def error_chart(mistakes: Mapping[str, Mistakes], styles: Mapping[str, str]) -> str:
    """Mean ab error by lightness and by true chroma, one line a predictor."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    lines = {}
    for name, found in mistakes.items():
        for axes, sums, step in (
            (left, found.by_lightness, LIGHTNESS_STEP),
            (right, found.by_chroma, CHROMA_STEP),
        ):
            errors = mean_error(sums)
            places = (np.arange(len(errors)) + 0.5) * step
            (lines[name],) = axes.plot(places, errors, styles[name], linewidth=1.5)
    left.set(xlabel="L", ylabel="mean distance in ab", ylim=(0, None))
    right.set(xlabel="true chroma", ylim=(0, None))
    plain_legend(right, lines, fontsize=7)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return as_svg(figure)


def hint_chart(curves: Mapping[str, Mapping[int, Any]], metrics: Mapping[str, str]) -> str:
    """Metrics, by their titles, against the number of hints, one line a way of placing them."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, (metric, title) in zip(panels, metrics.items(), strict=True):
        for (placing, curve), style in zip(curves.items(), ("C0-o", "C1--s"), strict=False):
            known = [curve[count][metric] for count in curve]
            means, lows, highs = (
                [estimate[key] for estimate in known] for key in ("mean", "low", "high")
            )
            axes.plot(list(curve), means, style, label=placing, markersize=4, linewidth=1.5)
            axes.fill_between(list(curve), lows, highs, color=style[:2], alpha=0.15, linewidth=0)
        counts = list(next(iter(curves.values())))
        axes.set_xscale("symlog", linthresh=1)
        axes.set(xlabel="spots", ylabel=title, xticks=counts, xticklabels=map(str, counts))
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].legend(fontsize=8, frameon=False)
    return as_svg(figure)


def histogram_chart(mistakes: Mapping[str, Mistakes]) -> str:
    """Where in the ab plane the area lies, one panel a predictor, in the colours themselves."""
    figure = Figure(figsize=(2.4 * len(mistakes), 2.7), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(mistakes), squeeze=False)[0]
    reach = max(extent_of(found.histogram) for found in mistakes.values())
    for axes, (name, found) in zip(panels, mistakes.items(), strict=True):
        axes.axhline(0, color="0.85", linewidth=0.5)
        axes.axvline(0, color="0.85", linewidth=0.5)
        whole = (-REACH, REACH, -REACH, REACH)
        axes.imshow(painted(found.histogram), origin="lower", extent=whole, zorder=2)
        axes.set_title(name, fontsize=8, parse_math=False)
        ticks = (-reach, 0, reach)
        axes.set(xlabel="a", xticks=ticks, yticks=ticks, xlim=(-reach, reach), ylim=(-reach, reach))
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("b")
    return as_svg(figure)


def extent_of(histogram: torch.Tensor) -> int:
    """Units of a and b on either side of zero that hold all but a thousandth of the area."""
    middle = len(histogram) // 2
    for reach in range(20, REACH, 20):
        kept = slice(middle - reach // CELL, middle + reach // CELL)
        if histogram[kept, kept].sum() >= 0.999 * histogram.sum():
            return reach
    return REACH


def painted(histogram: torch.Tensor) -> np.ndarray:
    """Cells of ab (A,B) as RGBA (B,A,4): the colour of the cell, more solid the denser."""
    cells = len(histogram)
    middle = (torch.arange(cells) + 0.5) * CELL - REACH
    b, a = torch.meshgrid(middle, middle, indexing="ij")
    L = torch.full((1, 1, cells, cells), 60.0)
    rgb = lab_to_rgb(L, torch.stack([a, b])[None])[0].permute(1, 2, 0).numpy()
    density = np.asarray(histogram.T / histogram.max())
    decades = np.log10(np.maximum(density, 10.0**-DECADES)) / DECADES + 1
    return np.concatenate([rgb, decades[..., None]], axis=2)
