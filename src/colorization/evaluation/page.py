"""The report: one HTML file that needs nothing else, and its tables as Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorization.evaluation.charts import error_chart, hint_chart, histogram_chart
from colorization.evaluation.findings import DatasetResult
from colorization.evaluation.gallery import Exhibit
from colorization.evaluation.measures import COLUMNS
from colorization.evaluation.mistakes import CLASSES, HUE_COLORS, Mistakes
from colorization.evaluation.models import Model
from colorization.evaluation.predictors import GRAY, TRUTH
from colorization.evaluation.scoring import TrackResult
from colorization.evaluation.tables import (
    counts,
    error_removed,
    hints_table,
    hues_table,
    networks_of,
    photographs,
    scores_table,
    squared_errors,
    time_table,
)
from colorization.reports.page import render
from colorization.reports.tables import Table, escaped, markdown

TEMPLATE = Path(__file__).with_name("page.html")
READING = (
    "Means over photographs; in brackets, the 95% bootstrap interval over photographs. A negative "
    "share is error added. *best constant* is the mean colour of the very photographs scored, the "
    "control of a test across domains: no constant has a smaller squared error. *ceiling* is the "
    "true ab passed through the resolution in which the network gives it."
)


def overview(found: Mapping[str, Any]) -> list[Table]:
    """The tables that come first."""
    return [photographs(found), *squared_errors(found), error_removed(found)]


def markdown_report(found: Mapping[str, Any]) -> str:
    """All tables, with what they are of."""
    networks, missing = networks_of(found), found["missing"]
    parts = ["# Evaluation\n", *(checkpoint_text(*item) for item in found["checkpoints"].items())]
    parts += [*map(table_text, overview(found)), READING + "\n"]
    for dataset, about in found["datasets"].items():
        parts += [f"## {escaped(dataset)}\n", escaped(" ".join(counts(about))) + "\n"]
        for track in about["tracks"].values():
            parts.append(table_text(scores_table(track, networks, missing)))
            parts.append(table_text(hues_table(track, networks)))
            parts += [table_text(hints_table(track, label)) for label in track["hints"]]
    parts += [
        escaped(f"{COLUMNS[name][0]} is not measured: {why}") + "\n"
        for name, why in missing.items()
    ]
    return "\n".join(parts)


def checkpoint_text(label: str, about: Mapping[str, Any]) -> str:
    text = (
        f": epoch {about['epoch']}, trained on {about['trained_on']}, works at "
        f"{about['size']} px ({about['path']}). {about['missing']}"
    )
    return f"**{escaped(label)}**{escaped(text).strip()}\n"


def table_text(table: Table) -> str:
    """A table with its title as a heading, in Markdown."""
    return f"### {escaped(table.title)}\n\n{markdown(*table[1:])}"


def html_report(
    found: Mapping[str, Any], pictures: Mapping[tuple[str, str], Mapping[str, Any]]
) -> str:
    """The whole report.

    Args:
        found: what ``results.json`` holds.
        pictures: by dataset and checkpoint, from :func:`network_pictures`.
    """
    networks, missing = networks_of(found), found["missing"]
    sections = [
        {
            "name": dataset,
            "counts": counts(about),
            "scores": [scores_table(t, networks, missing) for t in about["tracks"].values()],
            "hues": [hues_table(t, networks) for t in about["tracks"].values()],
            "hints": [
                (hints_table(t, label), hint_chart(curves, curve_metrics(curves)))
                for t in about["tracks"].values()
                for label, curves in t["hints"].items()
            ],
            "networks": {label: pictures[dataset, label] for label in networks},
        }
        for dataset, about in found["datasets"].items()
    ]
    return render(
        TEMPLATE,
        found=found,
        columns=COLUMNS,
        overview=overview(found),
        reading=READING.replace("*", ""),
        hues=HUE_COLORS,
        sections=sections,
        time=time_table(found["seconds"]),
    )


def curve_metrics(curves: Mapping[str, Mapping[int, Any]]) -> dict[str, str]:
    """Those of the metrics that were measured which curves are drawn of."""
    measured = next(iter(next(iter(curves.values())).values()))
    return {metric: COLUMNS[metric][0] for metric in ("psnr", "mse") if metric in measured}


def network_pictures(
    model: Model, track: TrackResult, best: str, exhibits: Mapping[str, list[Exhibit]]
) -> dict[str, Any]:
    """Charts, confusion of hues and gallery of a network in a track, with its best baseline."""
    lines = {name: track.mistakes[name] for name in dict.fromkeys((model.label, best, GRAY))}
    styles = dict(zip(lines, ("C0-", "C1--", "k:"), strict=False))
    panels = {name: track.mistakes[name] for name in dict.fromkeys((TRUTH, model.label, best))}
    return {
        "track": track.track.title,
        "errors": error_chart(lines, styles),
        "histogram": histogram_chart(panels),
        "confusion": confusion_rows(track.mistakes[model.label]),
        "gallery": exhibits,
    }


def track_of(model: Model, result: DatasetResult) -> TrackResult:
    """The first track in which a model was scored."""
    return next(track for track in result.tracks if model.label in track.scores.rows)


def confusion_rows(mistakes: Mistakes) -> list[tuple[str, float, list[float]]]:
    """True class, its share of the area, and how that area was painted (shares of it)."""
    area = mistakes.confusion.sum(dim=1)
    rows = mistakes.confusion / area.clamp(min=1e-12)[:, None]
    shares = (area / area.sum()).tolist()
    return list(zip(CLASSES, shares, rows.tolist(), strict=True))
