"""The tables of a report, from what ``results.json`` holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from colorization.evaluation.measures import COLUMNS
from colorization.evaluation.predictors import TRUTH
from colorization.metrics.realism import ENOUGH_FOR_FID
from colorization.reports.tables import Table

DASH = "-"


def photographs(found: Mapping[str, Any]) -> Table:
    """How many photographs of each dataset are scored, and how many are not, and why."""
    rows = [
        [
            dataset,
            str(about["photographs"]),
            *(str(len(about[key])) for key in ("near_gray", "trained_on", "unusable")),
        ]
        for dataset, about in found["datasets"].items()
    ]
    header = ["dataset", "scored", "near-gray, left out", "seen in training, left out", "unusable"]
    return Table("Photographs", header, rows)


def squared_errors(found: Mapping[str, Any]) -> list[Table]:
    """MSE of every predictor on every dataset, one table a track."""
    datasets = found["datasets"]
    titles = {key: t["title"] for about in datasets.values() for key, t in about["tracks"].items()}
    tables = []
    for track, title in titles.items():
        present = {
            d: about["tracks"][track] for d, about in datasets.items() if track in about["tracks"]
        }
        names = dict.fromkeys(name for t in present.values() for name in t["scores"])
        rows = [
            [name, *(cell("mse", t["scores"].get(name, {}).get("mse")) for t in present.values())]
            for name in names
            if name != TRUTH
        ]
        table = Table(f"MSE of ab/128, {title}", ["predictor", *present], rows, networks_of(found))
        tables.append(table)
    return tables


def networks_of(found: Mapping[str, Any]) -> list[str]:
    """Names of the rows that are not trivial."""
    return list(found["checkpoints"])


def error_removed(found: Mapping[str, Any]) -> Table:
    """Of every network on every dataset, the share of trivial predictors' error that it removes."""
    rows = []
    for label in found["checkpoints"]:
        for dataset, about in found["datasets"].items():
            track = next(t for t in about["tracks"].values() if label in t["scores"])
            against = track["against_baselines"][label]
            shares = [against[key] for key in ("removed", "removed_of_gray", "removed_of_constant")]
            rows.append([label, dataset, against["baseline"], *(map(percent, shares))])
    header = ["network", "dataset", "best of its baselines", "of its error", "of gray's"]
    return Table("Error removed", [*header, "of the best constant's"], rows)


def scores_table(
    track: Mapping[str, Any], networks: Sequence[str], missing: Mapping[str, str]
) -> Table:
    """Every metric of every predictor in a track; of the truth, its colourfulness.

    Metrics that are ``missing`` have an empty column that says so.
    """
    measured = {metric for scores in track["scores"].values() for metric in scores}
    metrics = [metric for metric in COLUMNS if metric in measured or metric in missing]
    rows = [
        [name, *(cell(metric, scores.get(metric)) for metric in metrics)]
        for name, scores in track["scores"].items()
        if name != TRUTH
    ]
    if truth := track["scores"].get(TRUTH):
        known = [cell(m, truth[m]) if m == "colorfulness" else DASH for m in metrics]
        rows.append([TRUTH, *known])
    labels = [
        COLUMNS[m][0] + (" (not measured, see below)" if m in missing else "") for m in metrics
    ]
    return Table(track["title"], ["predictor", *labels], rows, networks)


def hues_table(track: Mapping[str, Any], networks: Sequence[str]) -> Table:
    """Shares of the coloured area by what became of its hue, in a track."""
    header = ["predictor", "right hue", "next hue", "wrong hue", "left neutral", "neutral painted"]
    rows = [
        [name, *(DASH if share is None else f"{share:.1%}" for share in hues.values())]
        for name, hues in track["hues"].items()
        if name != TRUTH
    ]
    return Table(f"What became of hues, {track['title']}", header, rows, networks)


def hints_table(track: Mapping[str, Any], label: str) -> Table:
    """What a model makes of more and more true colours that it is told, in a track."""
    curves = track["hints"][label]
    metrics = [metric for metric in COLUMNS if metric in track["scores"][label]]
    rows = [
        [f"{count} {placing}" if int(count) else "none", *(cell(m, scores[m]) for m in metrics)]
        for index, (placing, curve) in enumerate(curves.items())
        for count, scores in curve.items()
        if int(count) or not index
    ]
    header = ["spots of true colour", *(COLUMNS[metric][0] for metric in metrics)]
    return Table(f"{label} with hints, {track['title']}", header, rows)


def time_table(seconds: Mapping[str, float]) -> Table:
    total = sum(seconds.values())
    rows = [[stage, f"{s:.1f}", f"{s / total:.0%}"] for stage, s in seconds.items()]
    return Table("Where the time went", ["stage", "seconds", "share"], rows)


def counts(about: Mapping[str, Any]) -> list[str]:
    """Sentences on which photographs are scored and which are not."""
    lines = [f"{about['photographs']} photographs are scored."]
    for key, reason in (
        ("near_gray", "are near-gray and left out"),
        ("trained_on", "were seen in training by a checkpoint and left out"),
        ("unusable", "cannot be used"),
    ):
        if names := list(about[key]):
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            lines.append(f"{len(names)} {reason}: {shown}.")
    if any(
        "fid" in scores for scores in next(iter(about["tracks"].values()))["scores"].values()
    ) and (about["photographs"] < ENOUGH_FOR_FID):
        lines.append(f"FID of fewer than {ENOUGH_FOR_FID:,} photographs is mostly bias.")
    if about["native_is_own"]:
        lines.append("They have the model's own size: their native resolution is the same track.")
    if "best_possible_mse" in about:
        lines.append(f"No predictor has an expected MSE below {about['best_possible_mse']:.6f}.")
    return lines


def cell(metric: str, estimate: Mapping[str, float | None] | None) -> str:
    """A mean with its interval, as text."""
    if estimate is None or estimate["mean"] is None:
        return DASH
    form = COLUMNS[metric][1].format
    low, high = estimate.get("low"), estimate.get("high")
    if low is None or high is None:
        return form(estimate["mean"])
    return f"{form(estimate['mean'])} [{form(low)}, {form(high)}]"


def percent(share: Mapping[str, float | None]) -> str:
    """A share with its interval; negative if error was added."""
    mean, low, high = (share[key] for key in ("mean", "low", "high"))
    if mean is None:
        return DASH
    interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * mean:.1f}%{interval}"
