"""Draw what a report shows of a network: charts of its mistakes, and coloured photographs."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from colorization.color import LabBatch, chroma, lab_to_rgb
from colorization.evaluation.datasets import ScoredPhotographs, Track
from colorization.evaluation.mistakes import (
    CELL,
    CHROMA_STEP,
    CLASSES,
    LIGHTNESS_STEP,
    REACH,
    Mistakes,
    average_error,
)
from colorization.evaluation.rows import GRAY, TRUTH, Row
from colorization.evaluation.scoring import TrackResult
from colorization.reports.page import as_svg, plain_legend

DECADES = 3  # of density, from the densest cell down to what is left white
EACH = 10  # photographs of each part of the gallery
WIDEST = 192  # px of one picture on the page
WORST_ERROR = 60.0  # CIE units of ab: the bright end of the error map
QUALITY = 85
HINT_STYLES = [f"C{index}{line}" for index, line in enumerate(("-o", "--s", ":^", "-.d", "-v"))]


def draw_network(
    photographs: ScoredPhotographs,
    found: TrackResult,
    row: Row,
    baseline: str,
    device: torch.device,
) -> dict[str, Any]:
    """Draw charts, confusion of hues and gallery of a network in a track, beside a baseline."""
    mistakes = found.mistakes
    lines = {name: mistakes[name] for name in dict.fromkeys((row.name, baseline, GRAY))}
    styles = dict(zip(lines, ("C0-", "C1--", "k:"), strict=False))
    panels = {name: mistakes[name] for name in dict.fromkeys((TRUTH, row.name, baseline))}
    mse = found.scores.column(row.name, "mse")
    return {
        "track": found.track.title,
        "errors": draw_errors(lines, styles),
        "histogram": draw_histograms(panels),
        "confusion": confusion_rows(mistakes[row.name]),
        "gallery": draw_gallery(photographs, found.track, row, mse, device),
    }


def confusion_rows(mistakes: Mistakes) -> list[tuple[str, float, list[float]]]:
    """Return each true class, its share of the area, and the shares of that as it was painted."""
    area = mistakes.confusion.sum(dim=1)
    rows = mistakes.confusion / area.clamp(min=1e-12)[:, None]
    shares = (area / area.sum()).tolist()
    return list(zip(CLASSES, shares, rows.tolist(), strict=True))


def draw_errors(mistakes: Mapping[str, Mistakes], styles: Mapping[str, str]) -> str:
    """Draw the mean ab error by lightness and by true chroma, one line a row, as SVG."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    lines = {}
    for name, found in mistakes.items():
        for axes, sums, step in (
            (left, found.by_lightness, LIGHTNESS_STEP),
            (right, found.by_chroma, CHROMA_STEP),
        ):
            errors = average_error(sums)
            places = (np.arange(len(errors)) + 0.5) * step
            (lines[name],) = axes.plot(places, errors, styles[name], linewidth=1.5)
    left.set(xlabel="L", ylabel="mean distance in ab", ylim=(0, None))
    right.set(xlabel="true chroma", ylim=(0, None))
    plain_legend(right, lines, fontsize=7)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return as_svg(figure)


def draw_hints(curves: Mapping[str, Mapping[int, Any]], metrics: Mapping[str, str]) -> str:
    """Draw metrics, by their titles, against the number of spots, one line a placing, as SVG."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, (metric, title) in zip(panels, metrics.items(), strict=True):
        for (placing, curve), style in zip(curves.items(), cycle(HINT_STYLES), strict=False):
            known = [curve[count][metric] for count in curve]
            means, lows, highs = (
                [estimate[key] for estimate in known] for key in ("mean", "low", "high")
            )
            axes.plot(list(curve), means, style, label=placing, markersize=4, linewidth=1.5)
            axes.fill_between(list(curve), lows, highs, color=style[:2], alpha=0.15, linewidth=0)
        counts = sorted({count for curve in curves.values() for count in curve})
        axes.set_xscale("symlog", linthresh=1)
        axes.set(xlabel="spots", ylabel=title, xticks=counts, xticklabels=map(str, counts))
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].legend(fontsize=8, frameon=False)
    return as_svg(figure)


def draw_histograms(mistakes: Mapping[str, Mistakes]) -> str:
    """Draw the density in the ab plane in its own colours, one panel a row, as SVG."""
    figure = Figure(figsize=(2.4 * len(mistakes), 2.7), layout="constrained")
    panels: Sequence[Axes] = figure.subplots(1, len(mistakes), squeeze=False)[0]
    reach = max(find_extent(found.histogram) for found in mistakes.values())
    for axes, (name, found) in zip(panels, mistakes.items(), strict=True):
        axes.axhline(0, color="0.85", linewidth=0.5)
        axes.axvline(0, color="0.85", linewidth=0.5)
        whole = (-REACH, REACH, -REACH, REACH)
        axes.imshow(paint_cells(found.histogram), origin="lower", extent=whole, zorder=2)
        axes.set_title(name, fontsize=8, parse_math=False)
        ticks = (-reach, 0, reach)
        axes.set(xlabel="a", xticks=ticks, yticks=ticks, xlim=(-reach, reach), ylim=(-reach, reach))
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("b")
    return as_svg(figure)


def find_extent(histogram: torch.Tensor) -> int:
    """Find the units of a and b, either side of zero, that hold 99.9% of the area."""
    middle = len(histogram) // 2
    for reach in range(20, REACH, 20):
        kept = slice(middle - reach // CELL, middle + reach // CELL)
        if histogram[kept, kept].sum() >= 0.999 * histogram.sum():
            return reach
    return REACH


def paint_cells(histogram: torch.Tensor) -> np.ndarray:
    """Paint cells of ab (A,B) as RGBA (B,A,4) in their own colour, the more solid the denser."""
    cells = len(histogram)
    middle = (torch.arange(cells) + 0.5) * CELL - REACH
    b, a = torch.meshgrid(middle, middle, indexing="ij")
    L = torch.full((1, 1, cells, cells), 60.0)
    rgb = lab_to_rgb(L, torch.stack([a, b])[None])[0].permute(1, 2, 0).numpy()
    density = np.asarray(histogram.T / histogram.max())
    decades = np.log10(np.maximum(density, 10.0**-DECADES)) / DECADES + 1
    return np.concatenate([rgb, decades[..., None]], axis=2)


class Exhibit(NamedTuple):
    """A photograph's name and MSE, and gray, predicted, true and error map side by side."""

    name: str
    mse: float
    picture: str


@torch.no_grad()
def draw_gallery(
    photographs: ScoredPhotographs, track: Track, row: Row, mse: np.ndarray, device: torch.device
) -> dict[str, list[Exhibit]]:
    """Show ten photographs each of the best, the median and the worst by MSE (N,).

    Each is shown once: of fewer than thirty, each part has a third, of fewer than three all are
    the best.
    """
    order = np.argsort(mse, kind="stable").tolist()
    each = min(EACH, max(1, len(order) // 3))
    middle = (len(order) - each) // 2
    parts = {
        "best": order[:each],
        "median": order[middle : middle + each],
        "worst": order[::-1][:each],
    }
    if len(order) < 3:
        parts = {"best": order}
    shown: dict[str, list[Exhibit]] = {}
    for title, indices in parts.items():
        shown[title] = []
        for index in indices:
            rgb = photographs.dataset.read(photographs.names[index], track.size).to(device)[None]
            picture = draw_side_by_side(row, track, rgb)
            shown[title].append(Exhibit(photographs.names[index], float(mse[index]), picture))
    return shown


def draw_side_by_side(row: Row, track: Track, rgb: Tensor) -> str:
    """Draw gray, predicted, true and error map of a uint8 (1,3,H,W), as a data URI."""
    truth = track.to_lab(rgb)
    ab = row.predict(truth)
    gray = track.show(truth.L, torch.zeros_like(truth.ab))
    tiles = [gray, track.show(truth.L, ab), rgb, draw_error_map(ab, truth)]
    pixels = torch.cat([tile.cpu() for tile in tiles], dim=3)[0].permute(1, 2, 0).numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    height, width = rgb.shape[-2:]
    if max(height, width) > WIDEST:
        scale = WIDEST / max(height, width)
        picture = picture.resize((max(1, round(4 * width * scale)), max(1, round(height * scale))))
    return to_data_uri(picture)


def draw_error_map(ab: Tensor, truth: LabBatch) -> Tensor:
    """Draw the distance of ab (1,2,H,W) from the truth as uint8 RGB (1,3,H,W)."""
    distance = chroma(ab - truth.ab).cpu() / WORST_ERROR
    colors = colormaps["inferno"](distance.clamp(max=1).numpy(), bytes=True)[..., :3]
    return torch.from_numpy(colors).permute(0, 3, 1, 2)


def to_data_uri(picture: Image.Image) -> str:
    """Encode a picture as text that a page can hold."""
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
