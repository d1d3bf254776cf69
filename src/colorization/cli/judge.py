"""``colorization judge``: a page that asks people which colours are real, or better."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def judge(
    predictions: Annotated[
        list[str] | None,
        Argument(help="Folders of coloured pictures, each as NAME=FOLDER.", metavar="NAME=FOLDER"),
    ] = None,
    truth: Annotated[
        Path | None, Option(help="Folder of the true photographs: asks too which one is real.")
    ] = None,
    votes: Annotated[Path, Option(help="SQLite file that votes are kept in.")] = Path(
        "outputs/judge/votes.sqlite"
    ),
    host: Annotated[
        str, Option(help="127.0.0.1: this machine alone; 0.0.0.0: everybody who can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="0: any that is free.")] = 7861,
    results: Annotated[
        bool, Option("--results", help="Show what the votes say so far, and serve nothing.")
    ] = False,
) -> None:
    """Ask people which of two pictures is the real one, and which colours they prefer.

    Every vote is kept as it comes. Any number of people may judge at a time.

    colorization judge a=A/ b=B/ --truth photographs/

    colorization judge --results
    """
    from colorization.cli.main import show_log
    from colorization.evaluation.folders import parse_methods
    from colorization.reports.tables import print_table
    from colorization.web.judge import serve_judges, sum_up

    show_log()
    file = votes.expanduser()
    if not results:
        serve_judges(
            parse_methods(predictions or []), truth and truth.expanduser(), file, host, port
        )
        return
    tables, lines = sum_up(file)
    for table in tables:
        print_table(table)
    print("\n".join(lines))
