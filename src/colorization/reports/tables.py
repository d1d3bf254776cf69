"""The one writer of tables: as Markdown, as CSV, and in a terminal.

File names and other words of users are text in all of them, never markup, a formula or a control
code.
"""

import csv
import re
from collections.abc import Sequence
from typing import IO, NamedTuple

from rich import box, get_console
from rich import table as rich_table
from rich.text import Text

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control codes, ends of lines, changes of the writing direction, bytes that are no text."""
# Entities for what a backslash does not make text in every dialect, or not in a table's cell.
MARKUP = str.maketrans(
    {"&": "&amp;", "<": "&lt;", "|": "&#124;", "~": "&#126;", "\\": r"\\", "`": r"\`", "*": r"\*"}
)
LINK_OR_EMPHASIS = re.compile(r"\](?=[(\[])|(?<![^\W_])_|_(?![^\W_])")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(NamedTuple):
    """Cells as text under a title; rows whose first cell is in ``bold`` stand out."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: Sequence[str] = ()


def visible(text: str) -> str:
    """Text of one line, in which what cannot be seen is written as Python does: ``\\n``."""
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escaped(text: str) -> str:
    """Markdown, of one line, that shows a text as it is."""
    return LINK_OR_EMPHASIS.sub(r"\\\g<0>", visible(text).translate(MARKUP))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[str] = ()) -> str:
    """Return a Markdown table; the first column to the left, the others to the right."""
    lines = [[escaped(cell).strip() for cell in row] for row in (header, *rows)]
    for row, line in zip(rows, lines[1:], strict=True):
        if row[0] in bold:
            line[0] = f"**{line[0]}**"
    lines.insert(1, ["---"] + ["---:"] * (len(header) - 1))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def print_table(table: Table) -> None:
    """Print a table; the first column to the left."""
    shown = rich_table.Table(title=Text(visible(table.title)), box=box.SIMPLE)
    for index, label in enumerate(table.header):
        justify, overflow = ("right", "ellipsis") if index else ("left", "fold")
        shown.add_column(Text(visible(label)), justify=justify, overflow=overflow)  # type: ignore
    for row in table.rows:
        style = "bold" if row[0] in table.bold else None
        shown.add_row(*(Text(visible(cell)) for cell in row), style=style)
    get_console().print(shown)


def write_csv_row(file: IO[str], cells: Sequence[str | float]) -> None:
    """Write a line of CSV: numbers in seven digits, and an apostrophe before what would be a
    spreadsheet's formula."""
    csv.writer(file).writerow(
        ("'" * cell.startswith(FORMULA) + cell) if isinstance(cell, str) else f"{cell:.7g}"
        for cell in cells
    )
