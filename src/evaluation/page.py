"""The report: one HTML file that needs nothing else, and its tables as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.evaluation.charts import error_chart, histogram_chart
from src.evaluation.findings import DatasetResult
from src.evaluation.gallery import Exhibit
from src.evaluation.measures import COLUMNS
from src.evaluation.mistakes import CLASSES, Mistakes
from src.evaluation.models import Model
from src.evaluation.predictors import GRAY, TRUTH
from src.evaluation.scoring import TrackResult
from src.evaluation.tables import (
    Table,
    counts,
    error_removed,
    first,
    hues_table,
    scores_table,
    squared_errors,
    time_table,
)
from src.results import markdown

TEMPLATE = Path(__file__).parent


def markdown_report(found: Mapping[str, Any]) -> str:
    """The tables, with counts of what is scored."""
    networks = list(found["checkpoints"])
    parts = ["# Evaluation\n", table_text(squared_errors(found)), table_text(error_removed(found))]
    for dataset, about in found["datasets"].items():
        parts += [f"## {dataset}\n", " ".join(counts(about)) + "\n"]
        for track in about["tracks"].values():
            parts.append(table_text(scores_table(track, networks, found["missing"])))
            parts.append(table_text(hues_table(track, networks)))
    parts += [
        f"{COLUMNS[name][0]} is not measured: {why}\n" for name, why in found["missing"].items()
    ]
    return "\n".join(parts)


def table_text(table: Table) -> str:
    rows = [
        [f"**{name}**" if name in table.networks else name, *cells] for name, *cells in table.rows
    ]
    return f"### {table.title}\n\n{markdown(table.header, rows)}"


def html_report(
    found: Mapping[str, Any],
    results: Sequence[DatasetResult],
    models: Sequence[Model],
    galleries: Mapping[tuple[str, str], Mapping[str, list[Exhibit]]],
) -> str:
    """The whole report.

    Args:
        found: what ``results.json`` holds.
        results: the same with the sums that charts are drawn from.
        models: the checkpoints.
        galleries: by dataset and checkpoint.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    networks = list(found["checkpoints"])
    sections = []
    for result in results:
        label = result.scored.label
        about = found["datasets"][label]
        sections.append(
            {
                "name": label,
                "counts": counts(about),
                "scores": [
                    scores_table(track, networks, found["missing"])
                    for track in about["tracks"].values()
                ],
                "hues": hues_table(first(about["tracks"]), networks),
                "networks": [
                    network_section(model, result, about, galleries[label, model.label])
                    for model in models
                ],
            }
        )
    return environment.get_template("page.html").render(
        found=found,
        columns=COLUMNS,
        overview=[squared_errors(found), error_removed(found)],
        sections=sections,
        time=time_table(found["seconds"]),
    )


def network_section(
    model: Model,
    result: DatasetResult,
    about: Mapping[str, Any],
    exhibits: Mapping[str, list[Exhibit]],
) -> dict[str, Any]:
    """What a page shows of a network on a dataset, in the first track that it is in."""
    track = track_of(model, result)
    numbers = about["tracks"][track.track.name]
    best = numbers["against_baselines"][model.label]["baseline"]
    lines = {name: track.mistakes[name] for name in dict.fromkeys((model.label, best, GRAY))}
    styles = dict(zip(lines, ("C0-", "C1--", "k:"), strict=False))
    panels = {name: track.mistakes[name] for name in dict.fromkeys((TRUTH, model.label, best))}
    return {
        "label": model.label,
        "errors": error_chart(lines, styles),
        "histogram": histogram_chart(panels),
        "confusion": confusion_rows(track.mistakes[model.label]),
        "classes": CLASSES,
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
