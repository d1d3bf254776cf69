"""Show the log's lines."""

import logging
import sys

from rich import get_console


def log_handler() -> logging.Handler:
    """Make what shows the log: in a terminal by rich, elsewhere line by line, however long."""
    if get_console().is_terminal:
        from rich.logging import RichHandler

        return RichHandler(show_path=False)
    return logging.StreamHandler(sys.stdout)
