"""``colorization report``: results.json files in, a Markdown table out."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def report(
    runs: Annotated[
        list[str],
        Argument(help="results.json files, or patterns in quotes: 'outputs/**/results.json'."),
    ],
    output: Annotated[Path, Option("--output", "-o", help="Markdown file to write.")],
) -> None:
    """Put runs into tables, networks beside the baselines, one table for the same photographs.

    colorization report 'outputs/**/results.json' -o table.md
    """
    from colorization.sweeps.comparison import compare_runs

    patterns = [str(Path(pattern).expanduser()) for pattern in runs]
    print(compare_runs(patterns, output.expanduser()))
