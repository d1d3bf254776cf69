"""``colorization sweep-report``: a sweep's folder to one table and one page in it."""

from pathlib import Path
from typing import Annotated

from typer import Argument


def sweep_report(
    folder: Annotated[Path, Argument(help="For example outputs/sweeps/paper-1a2b3c4d.")],
) -> None:
    """Show a sweep's runs, and write sweep.md and sweep.html into its folder.

    The sweep may be half finished.
    """
    from colorization.sweeps.report import report_sweep

    report_sweep(folder.expanduser())
