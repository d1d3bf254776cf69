"""Show the log's lines."""

import logging
import sys

from rich import get_console

from colorization.reports import progress


def log_handler() -> logging.Handler:
    """Make what shows the log: in a terminal by rich, elsewhere line by line, however long.

    A terminal has bars and needs no lines of progress.
    """
    if get_console().is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(show_path=False)
        handler.addFilter(lambda record: record.name != progress.__name__)
        return handler
    return logging.StreamHandler(sys.stdout)
