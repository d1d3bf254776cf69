"""Write the report from what ``results.json`` holds: tables, as one HTML file and as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorization.evaluation.measures import COLUMNS
from colorization.evaluation.mistakes import HUE_COLORS
from colorization.evaluation.pictures import draw_hints
from colorization.evaluation.rows import TRUTH
from colorization.metrics.realism import ENOUGH_FOR_FID
from colorization.reports.page import render
from colorization.reports.tables import Table, escaped, markdown

TEMPLATE = Path(__file__).with_name("report.html")
READING = (
    "Means over photographs; in brackets, the 95% bootstrap interval over photographs. A negative "
    "share is error added. *best constant* is the mean colour of the scored photographs, the "
    "control of a test across domains: no constant has a smaller squared error. *ceiling* is the "
    "true ab, reduced to the resolution of the network's output."
)
DASH = "-"
LISTED = 20  # names of photographs that are left out


def list_overview(results: Mapping[str, Any]) -> list[Table]:
    """Make the tables that come first."""
    return [
        count_photographs(results),
        *compare_squared_errors(results),
        compare_error_removed(results),
    ]


def count_photographs(results: Mapping[str, Any]) -> Table:
    """Count the photographs of each dataset that are scored, and those that are left out."""
    rows = [
        [
            dataset,
            str(about["photographs"]),
            *(str(len(about[key])) for key in ("near_gray", "trained_on", "unusable")),
        ]
        for dataset, about in results["datasets"].items()
    ]
    header = [
        "dataset",
        "scored",
        "near-gray, left out",
        "known from training, left out",
        "unusable",
    ]
    return Table("Photographs", header, rows)


def compare_squared_errors(results: Mapping[str, Any]) -> list[Table]:
    """List the MSE of every row on every dataset, one table a track."""
    by_track: dict[str, dict[str, Any]] = {}
    for dataset, about in results["datasets"].items():
        for track in about["tracks"].values():
            by_track.setdefault(track["title"], {})[dataset] = track["scores"]
    tables = []
    for title, scores in by_track.items():
        names = dict.fromkeys(name for rows in scores.values() for name in rows if name != TRUTH)
        rows = [
            [
                name,
                *(
                    format_cell("mse", by_name.get(name, {}).get("mse"))
                    for by_name in scores.values()
                ),
            ]
            for name in names
        ]
        header = ["predictor", *scores]
        tables.append(Table(f"MSE of ab/128, {title}", header, rows, [*results["checkpoints"]]))
    return tables


def compare_error_removed(results: Mapping[str, Any]) -> Table:
    """List the share of the baselines' error that every network removes on every dataset."""
    rows = []
    for label in results["checkpoints"]:
        for dataset, about in results["datasets"].items():
            track = next(t for t in about["tracks"].values() if label in t["scores"])
            against = track["against_baselines"][label]
            shares = [against[key] for key in ("removed", "removed_of_gray", "removed_of_constant")]
            cells = [format_estimate(share, "{:.1%}") for share in shares]
            rows.append([label, dataset, against["baseline"], *cells])
    header = ["network", "dataset", "best of its baselines", "of its error", "of gray's"]
    return Table("Error removed", [*header, "of the best constant's"], rows)


def list_scores(
    track: Mapping[str, Any], networks: Sequence[str], missing: Mapping[str, str]
) -> Table:
    """List every metric of every row in a track, and the colourfulness of the truth.

    Metrics that are ``missing`` have an empty column that says so.
    """
    measured = {metric for scores in track["scores"].values() for metric in scores}
    metrics = [metric for metric in COLUMNS if metric in measured or metric in missing]
    scores = dict(track["scores"])
    if truth := scores.pop(TRUTH, None):
        scores[TRUTH] = {"colorfulness": truth["colorfulness"]}
    rows = [[name, *(format_cell(m, by.get(m)) for m in metrics)] for name, by in scores.items()]
    labels = [
        COLUMNS[m][0] + (" (not measured, see below)" if m in missing else "") for m in metrics
    ]
    return Table(track["title"], ["predictor", *labels], rows, networks)


def list_hues(track: Mapping[str, Any], networks: Sequence[str]) -> Table:
    """List the shares of the coloured area in a track, by the hue that it was painted in."""
    header = ["predictor", "right hue", "next hue", "wrong hue", "left neutral", "neutral painted"]
    rows = [
        [name, *(DASH if share is None else f"{share:.1%}" for share in hues.values())]
        for name, hues in track["hues"].items()
        if name != TRUTH
    ]
    return Table(f"What became of hues, {track['title']}", header, rows, networks)


def list_hints(track: Mapping[str, Any], label: str) -> Table:
    """List the scores of a model in a track with more and more spots of true colour."""
    metrics = [metric for metric in COLUMNS if metric in track["scores"][label]]
    rows = [
        [
            f"{count} {placing}" if int(count) else "none",
            *(format_cell(m, scores[m]) for m in metrics),
        ]
        for index, (placing, curve) in enumerate(track["hints"][label].items())
        for count, scores in curve.items()
        if int(count) or not index
    ]
    header = ["spots of true colour", *(COLUMNS[metric][0] for metric in metrics)]
    return Table(f"{label} with hints, {track['title']}", header, rows)


def list_seconds(seconds: Mapping[str, float]) -> Table:
    """List the time of each stage."""
    total = sum(seconds.values())
    rows = [[stage, f"{s:.1f}", f"{s / total:.0%}"] for stage, s in seconds.items()]
    return Table("Where the time went", ["stage", "seconds", "share"], rows)


def describe_photographs(about: Mapping[str, Any]) -> list[str]:
    """Say in sentences how many photographs of a dataset are scored and which are left out."""
    lines = [f"{about['photographs']} photographs are scored."]
    for key, reason in (
        ("near_gray", "are near-gray and left out"),
        ("trained_on", "were seen in training by a checkpoint and left out"),
        ("unusable", "cannot be used"),
    ):
        if names := list(about[key]):
            more = ", ..." if len(names) > LISTED else ""
            lines.append(f"{len(names)} {reason}: {', '.join(names[:LISTED])}{more}.")
    scores = next(iter(about["tracks"].values()))["scores"].values()
    if any("fid" in row for row in scores) and about["photographs"] < ENOUGH_FOR_FID:
        lines.append(f"FID of fewer than {ENOUGH_FOR_FID:,} photographs is mostly bias.")
    if about["native_is_own"]:
        lines.append("They have the model's own size: their native resolution is the same track.")
    if "best_possible_mse" in about:
        lines.append(f"No predictor has an expected MSE below {about['best_possible_mse']:.6f}.")
    return lines


def format_cell(metric: str, estimate: Mapping[str, float | None] | None) -> str:
    """Format a metric's mean with its interval; a dash if it was not measured."""
    return format_estimate(estimate or {}, COLUMNS[metric][1])


def format_estimate(estimate: Mapping[str, float | None], form: str) -> str:
    """Format a mean with its interval, where it has one."""
    mean, low, high = (estimate.get(key) for key in ("mean", "low", "high"))
    if mean is None:
        return DASH
    interval = "" if low is None or high is None else f" [{form.format(low)}, {form.format(high)}]"
    return form.format(mean) + interval


def write_markdown(results: Mapping[str, Any]) -> str:
    """Return all tables as Markdown, with what they are of."""
    networks, missing = list(results["checkpoints"]), results["missing"]
    parts = ["# Evaluation\n"]
    for label, about in results["checkpoints"].items():
        epoch = f"epoch {about['epoch']}, " if about["epoch"] else ""
        text = (
            f": {epoch}trained on {about['trained_on']}, works at "
            f"{about['size']} px ({about['path']}). {about['missing']}"
        )
        parts.append(f"**{escaped(label)}**{escaped(text).strip()}\n")
    parts += [*map(write_table, list_overview(results)), READING + "\n"]
    for dataset, about in results["datasets"].items():
        sentences = " ".join(describe_photographs(about))
        parts += [f"## {escaped(dataset)}\n", escaped(sentences) + "\n"]
        for track in about["tracks"].values():
            tables = [list_scores(track, networks, missing), list_hues(track, networks)]
            tables += [list_hints(track, label) for label in track["hints"]]
            parts += map(write_table, tables)
    for name, why in missing.items():
        parts.append(escaped(f"{COLUMNS[name][0]} is not measured: {why}") + "\n")
    return "\n".join(parts)


def write_table(table: Table) -> str:
    """Return a table as Markdown, with its title as a heading."""
    return f"### {escaped(table.title)}\n\n{markdown(*table[1:])}"


def write_html(
    results: Mapping[str, Any], pictures: Mapping[tuple[str, str], Mapping[str, Any]]
) -> str:
    """Return the whole report as HTML that needs no other file.

    Args:
        results: what ``results.json`` holds.
        pictures: by dataset and checkpoint, from :func:`draw_network`.
    """
    networks, missing = list(results["checkpoints"]), results["missing"]
    sections = []
    for dataset, about in results["datasets"].items():
        tracks = about["tracks"].values()
        sections.append(
            {
                "name": dataset,
                "counts": describe_photographs(about),
                "scores": [list_scores(track, networks, missing) for track in tracks],
                "hues": [list_hues(track, networks) for track in tracks],
                "hints": [
                    (list_hints(track, label), draw_hints(curves, curve_metrics(curves)))
                    for track in tracks
                    for label, curves in track["hints"].items()
                ],
                "networks": {label: pictures[dataset, label] for label in networks},
            }
        )
    return render(
        TEMPLATE,
        found=results,
        columns=COLUMNS,
        overview=list_overview(results),
        reading=READING.replace("*", ""),
        hues=HUE_COLORS,
        sections=sections,
        time=list_seconds(results["seconds"]),
    )


def curve_metrics(curves: Mapping[str, Mapping[int, Any]]) -> dict[str, str]:
    """Return the labels of the measured metrics that hint curves are drawn of."""
    measured = next(iter(next(iter(curves.values())).values()))
    return {metric: COLUMNS[metric][0] for metric in ("psnr", "mse") if metric in measured}
