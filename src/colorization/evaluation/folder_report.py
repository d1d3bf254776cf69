"""Write the report of scored folders: one HTML file, and its tables as Markdown and LaTeX."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from colorization.evaluation.datasets import read_lightness
from colorization.evaluation.folder_results import HIGHER, LOWER
from colorization.evaluation.folders import read_prediction
from colorization.evaluation.measures import COLUMNS
from colorization.evaluation.pictures import draw_hints
from colorization.evaluation.regions import PLACES
from colorization.evaluation.report import format_cell, format_estimate, write_table
from colorization.evaluation.rows import GRAY, TRUTH
from colorization.evaluation.score_folders import (
    MODEL,
    WHOLE,
    FolderScorer,
    Scored,
    read_truth,
)
from colorization.files.atomic import write_text
from colorization.reports.page import as_svg, plain_legend, render
from colorization.reports.tables import Table, escaped, visible

TEMPLATE = Path(__file__).with_name("folder_report.html")
SHOWN = 12  # photographs on which methods differ most
TILE = 224  # px
QUALITY = 88
DASH = "-"
CURVES = {metric: COLUMNS[metric][0] for metric in ("psnr", "ciede2000")}
IN_TERMINAL = ("psnr", "ssim", "ciede2000", "colorfulness")
SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def write_folder_report(
    results: Mapping[str, Any], scored: Sequence[Scored], scorer: FolderScorer, folder: Path
) -> None:
    """Write ``report.html``, ``tables.md`` and ``tables.tex`` from what ``scores.json`` holds."""
    tables = [*list_tables(results), list_published(results)]
    findings = [f"- {escaped(line)}\n" for line in results["findings"]]
    sources = [f"{n}. {escaped(text)}\n" for n, text in enumerate(list_sources(results), 1)]
    markdown = "\n".join([*map(write_table, tables), "".join(sources), "".join(findings)])
    write_text(markdown, folder / "tables.md")
    write_text("\n".join(map(write_latex, tables)), folder / "tables.tex")
    page = render(
        TEMPLATE,
        found=results,
        tables=list_tables(results),
        published=list_published(results),
        sources=list_sources(results),
        columns=COLUMNS,
        scatter=draw_scatter(scored, list(results["methods"])),
        hints=draw_hints(curves, CURVES) if (curves := find_curves(results)) else "",
        kinds=draw_kinds(results["kinds"]) if results["kinds"] else "",
        pictures=draw_pictures(scored, scorer),
    )
    write_text(page, folder / "report.html")


def list_tables(results: Mapping[str, Any]) -> list[Table]:
    """Make the tables of scores, pairs and what was noticed of each method."""
    methods = list(results["methods"])
    tables = [list_scores(table, methods) for table in results["tables"]]
    errors = [list_errors(table, methods) for table in results["tables"]]
    for path, scores in results.get("beside", {}).items():
        table = {**results["tables"][0], "scores": scores, "worse_than_gray": {}}
        rows = list_scores(table, methods).rows
        tables[0] = tables[0]._replace(
            rows=[*tables[0].rows, *([f"{r[0]} ({path})", *r[1:]] for r in rows)]
        )
    return [*tables, list_pairs(results["pairs"]), *errors, list_checks(results["methods"])]


def list_errors(table: Mapping[str, Any], methods: Sequence[str]) -> Table:
    """List the mean error in ab of every row by the true hue and by the kind of region."""
    places = [place for place in PLACES if table["areas"][place]]
    rows = [
        [name, *(DASH if (e := errors[place]) is None else f"{e:.1f}" for place in places)]
        for name, errors in table["errors"].items()
    ]
    header = ["method", *(f"{place} ({table['areas'][place]:.0%})" for place in places)]
    title = "Mean distance in ab by true hue and by kind of region, with their shares of the area"
    return Table(f"{title}: {table['title']}", header, rows, methods)


def find_curves(results: Mapping[str, Any]) -> dict[str, dict[int, Any]]:
    """Find methods that differ in their number of hints alone: NAME@0, NAME@5 and so on.

    Returns:
        By name and number, the scores on the photographs that all methods have.
    """
    scores = results["tables"][0]["scores"]
    if not all(metric in of_row for of_row in scores.values() for metric in CURVES):
        return {}
    found: dict[str, dict[int, Any]] = {}
    for row in results["methods"]:
        name, _, number = row.rpartition("@")
        if name and number.isdecimal() and row in scores:
            found.setdefault(name, {})[int(number)] = scores[row]
    return {name: dict(sorted(curve.items())) for name, curve in found.items() if len(curve) > 1}


def list_overview(results: Mapping[str, Any]) -> list[Table]:
    """Make tables of a few metrics without intervals, narrow enough for a terminal."""

    def shorten(of_row: Mapping[str, Any]) -> dict[str, Any]:
        return {m: {"mean": of_row[m]["mean"]} for m in IN_TERMINAL if m in of_row}

    return [
        list_scores(
            {**table, "scores": {row: shorten(of) for row, of in table["scores"].items()}},
            list(results["methods"]),
        )
        for table in results["tables"]
    ]


def list_scores(table: Mapping[str, Any], methods: Sequence[str]) -> Table:
    """List every metric of every row on the same photographs."""
    scores = table["scores"]
    measured = next(iter(scores.values()))
    metrics = [metric for metric in COLUMNS if metric in measured]
    rows = [
        [
            name,
            DASH if (worse := table["worse_than_gray"].get(name)) is None else f"{worse:.1%}",
            *(format_cell(metric, of_row.get(metric)) for metric in metrics),
        ]
        for name, of_row in scores.items()
    ]
    header = ["method", "worse than gray", *(f"{COLUMNS[m][0]}{point(m)}" for m in metrics)]
    title = f"{table['title']} ({table['photographs']:,})"
    return Table(title, header, rows, methods)


def point(metric: str) -> str:
    """Return an arrow to where a metric is better."""
    return " ↑" if metric in HIGHER else " ↓" if metric in LOWER else ""


def list_pairs(pairs: Sequence[Mapping[str, Any]]) -> Table:
    """List the paired differences in every metric, with the interval and the photographs won."""
    metrics = list(dict.fromkeys(pair["metric"] for pair in pairs))
    by_names: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for pair in pairs:
        by_names.setdefault((pair["first"], pair["second"]), {})[pair["metric"]] = pair
    rows = []
    for (first, second), found in by_names.items():
        cells = [f"{first} - {second}", f"{next(iter(found.values()))['photographs']:,}"]
        for metric in metrics:
            if one := found.get(metric):
                difference = format_estimate(one["difference"], "{:+.2f}")
                cells += [difference, f"{one['win_rate']:.1%}"]
            else:
                cells += [DASH, DASH]
        rows.append(cells)
    header = ["pair", "photographs"]
    for metric in metrics:
        header += [f"{COLUMNS[metric][0]}, difference", "the first is better on"]
    return Table("Pairs, on the same photographs", header, rows)


def list_checks(methods: Mapping[str, Any]) -> Table:
    """List what was measured of the files of each method."""
    rows = [
        [
            name,
            str(about["pictures"]),
            str(len(about["unusable"])),
            DASH if about["lightness"] is None else f"{about['lightness']:.2f}",
            *(str(len(about[key])) for key in ("lightness_off", "wrapped", "jpeg")),
            str(sum(about["profiles"].values())),
        ]
        for name, about in methods.items()
    ]
    header = ["method", "scored", "missing or unusable", "lightness off, L*", "off by more than 2"]
    return Table("Files", [*header, "values wrapped", "JPEG", "other profile"], rows)


def list_published(results: Mapping[str, Any]) -> Table:
    """List published scores as printed; they are never ranked with ours."""
    rows = results["published"]
    sources = list_sources(results)
    metrics = [m for m in COLUMNS if any(m in row["scores"] for row in rows)]
    cells = [
        [
            f"{row['method']} ({row['year']})",
            row["photographs"],
            *(f"{row['scores'][m]:g}" if m in row["scores"] else DASH for m in metrics),
            str(sources.index(describe_source(row)) + 1),
        ]
        for row in rows
    ]
    header = ["published", "on", *(COLUMNS[m][0] for m in metrics), "source"]
    return Table("As published: other protocols, not to be ranked with the above", header, cells)


def list_sources(results: Mapping[str, Any]) -> list[str]:
    """List the sources of published scores, each once; their places are the numbers of them."""
    return list(dict.fromkeys(map(describe_source, results["published"])))


def describe_source(row: Mapping[str, Any]) -> str:
    """Say where a published score stands, where it was read, and what is known of its protocol."""
    known = f" Known of the protocol: {row['known']}." if row["known"] else ""
    return f"{row['source']}. Read in: {row['read']}.{known} Not known: {row['unknown']}."


def write_latex(table: Table) -> str:
    """Return a table as LaTeX (booktabs)."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(escape_latex(cell) for cell in cells) + r" \\"

    body = "\n".join(map(line, table.rows))
    return (
        f"\\begin{{table}}\n\\caption{{{escape_latex(table.title)}}}\n"
        f"\\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}\n\\toprule\n"
        f"{line(table.header)}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def escape_latex(text: str) -> str:
    """Return text that LaTeX shows as it is."""
    plain = "".join(SPECIAL.get(char, char) for char in visible(text))
    return plain.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$")


def draw_scatter(scored: Sequence[Scored], methods: Sequence[str]) -> str:
    """Draw the gain in PSNR over gray against colourfulness, a dot a photograph, as SVG."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    dots = {}
    for index, method in enumerate(methods):
        present = [each.rows for each in scored if "psnr" in each.rows.get(method, {})]
        if not present or "colorfulness" not in present[0][method]:
            continue
        gains = [rows[method]["psnr"] - rows[GRAY]["psnr"] for rows in present]
        colors = [rows[method]["colorfulness"] for rows in present]
        dots[method] = axes.scatter(
            colors, gains, s=8, alpha=0.5, color=f"C{index % 10}", rasterized=len(present) > 500
        )
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set(xlabel="colourfulness of the picture", ylabel="PSNR above gray, dB")
    axes.spines[["top", "right"]].set_visible(False)
    if dots:
        plain_legend(axes, dots, fontsize=8)
    return as_svg(figure)


def draw_kinds(kinds: Mapping[str, Mapping[str, float]]) -> str:
    """Draw the mean PSNR of each row by kind of photograph, as bars in SVG."""
    rows = list(dict.fromkeys(row for by_row in kinds.values() for row in by_row))
    figure = Figure(figsize=(max(6, 0.5 * len(kinds) * len(rows) / 3), 3.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(rows)
    bars = {}
    for index, row in enumerate(rows):
        heights = [kinds[kind].get(row) or np.nan for kind in kinds]
        places = np.arange(len(kinds)) + (index - (len(rows) - 1) / 2) * width
        bars[row] = axes.bar(places, heights, width, color=f"C{index % 10}")
    axes.set_xticks(range(len(kinds)), [visible(kind) or "(none)" for kind in kinds], rotation=40)
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
    axes.set_ylabel("PSNR, dB")
    axes.spines[["top", "right"]].set_visible(False)
    plain_legend(axes, bars, fontsize=7)  # type: ignore[arg-type]
    return as_svg(figure)


def draw_pictures(scored: Sequence[Scored], scorer: FolderScorer) -> list[dict[str, Any]]:
    """Show the photographs on which methods differ most in PSNR, all side by side."""
    methods = list(scorer.folders.methods)

    def spread(each: Scored) -> float:
        found = [each.rows[m]["psnr"] for m in [*methods, GRAY] if "psnr" in each.rows.get(m, {})]
        finite = [value for value in found if np.isfinite(value)]
        return max(finite) - min(finite) if len(finite) > 1 else 0.0

    shown = []
    for each in sorted(scored, key=spread, reverse=True)[:SHOWN]:
        true_rgb = read_truth(scorer.folders, each.key, scorer.protocol)
        L = read_lightness(true_rgb)
        gray = WHOLE.show(L, torch.zeros_like(L).expand(-1, 2, -1, -1))
        tiles = {TRUTH: true_rgb, GRAY: gray} | {
            row: predict(L, gray)
            for row, predict in scorer.predictors.items()
            if row.startswith(MODEL)
        }
        path = scorer.folders.truth / scorer.folders.true_names[each.key]
        for method in methods:
            own = scorer.folders.find(method, each.key)
            found = read_prediction(own, path, true_rgb, scorer.protocol.square)
            if found.rgb is not None:
                tiles[method] = found.rgb
        psnr = {row: of_row.get("psnr") for row, of_row in each.rows.items()}
        shown.append(
            {
                "name": each.key,
                "tiles": [(row, psnr.get(row), encode(rgb[0])) for row, rgb in tiles.items()],
            }
        )
    return shown


def encode(rgb: torch.Tensor) -> str:
    """Encode a uint8 (3,H,W) as a small picture that a page can hold."""
    picture = Image.fromarray(np.ascontiguousarray(rgb.permute(1, 2, 0).numpy()))
    picture.thumbnail((TILE, TILE))
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
