"""The command ``colorization``, one subcommand a file of this room.

Nothing heavy is imported before a subcommand runs.
"""

import logging
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.exceptions import Abort, TyperException
from typer.main import get_group

from colorization import __version__
from colorization.cli.app import app
from colorization.cli.colorize import colorize
from colorization.cli.composed import evaluate, leaderboard, list_choices, train
from colorization.cli.evaluate_films import evaluate_films
from colorization.cli.export import export
from colorization.cli.judge import judge
from colorization.cli.report import report
from colorization.cli.score import score
from colorization.cli.sweep_report import sweep_report
from colorization.cli.video import video
from colorization.errors import INTERRUPTED, InputError, in_words, interrupt
from colorization.reports.log import log_handler

BAD_INPUT = 2
TAKES_WORDS: dict[str, Any] = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "options_metavar": "[NAME=VALUE]...",
}
RENAMED = {"accelerator": "device"}
"""Options of file commands that had another name, as words."""
PREDICTIONS = "--predictions"
OF_PREDICTIONS = {"evaluate": "score", "score": "score", "judge": "judge"}
"""Commands that take folders as NAME=FOLDER after PREDICTIONS, and those that do the work."""

commands = typer.Typer(
    name="colorization",
    help="Learn to colour gray photographs, measure how well it works, and colour yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for of_files in (colorize, video, app, evaluate_films, score, judge, export, report, sweep_report):
    commands.command()(of_files)
commands.command(**TAKES_WORDS, epilog=list_choices())(train)
commands.command(**TAKES_WORDS)(evaluate)
commands.command(**TAKES_WORDS)(leaderboard)


@commands.callback(invoke_without_command=True)
def show_version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        print(f"colorization {__version__}")
        raise typer.Exit


def main(command: str | None = None) -> NoReturn:
    """Run what was typed and exit: 0 is done, 1 some files failed, 2 bad input, 130 interrupted.

    Args:
        command: the subcommand, where its name was not typed (``python -m src.NAME``).
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    signal.signal(signal.SIGTERM, interrupt)
    words = [command, *sys.argv[1:]] if command else sys.argv[1:]
    sys.exit(run_command(words))


def run_command(words: Sequence[str]) -> int:
    """Run a subcommand; bad input is one line on stderr."""
    group = get_group(commands)
    try:
        status = group.main(make_options(words, group), "colorization", standalone_mode=False)
        return int(status or 0)
    except TyperException as error:
        print(f"error: {error.format_message().replace('Value error, ', '')}", file=sys.stderr)
        return BAD_INPUT
    except (InputError, OSError) as error:
        text = in_words(error) if isinstance(error, OSError) else str(error)
        print(f"error: {' '.join(text.split())}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        needed = f"this needs {error.name}, which is not installed"
        print(f"error: {needed}: pip install 'colorization[train]'", file=sys.stderr)
        return BAD_INPUT
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED


def make_options(words: Sequence[str], group: TyperGroup) -> list[str]:
    """Turn NAME=VALUE, which file commands took until 0.1, into options and arguments."""
    found = list(words)
    if found and found[0] in OF_PREDICTIONS and (PREDICTIONS in found or found[0] != "evaluate"):
        rest = [word for word in found[1:] if word != PREDICTIONS]
        return [OF_PREDICTIONS[found[0]], *rest]
    command = group.commands.get(found[0]) if found else None
    if command is None or command.context_settings.get("allow_extra_args"):
        return found
    known = {parameter.name: parameter for parameter in command.params}
    options = [found[0]]
    for word in found[1:]:
        name, equals, value = word.partition("=")
        parameter = known.get(RENAMED.get(name, name))
        if not equals or parameter is None:
            options.append(word)
        elif isinstance(parameter, TyperArgument):
            options += value.strip("[]").split(",") if parameter.nargs == -1 else [value]
        elif isinstance(parameter, TyperOption) and parameter.is_flag:
            options += make_flag(parameter, value)
        elif value != "null":
            options += [parameter.opts[0], value]
    return options


def make_flag(parameter: TyperOption, value: str) -> list[str]:
    """A flag that was ``true``, ``false`` or ``null``, as an option."""
    if value.lower() == "true":
        return [parameter.opts[0]]
    return parameter.secondary_opts[:1] if value.lower() == "false" else []


def show_log() -> None:
    """Show the log's lines in the terminal."""
    logging.basicConfig(
        level="INFO",
        format="%(message)s",
        datefmt="%H:%M:%S",
        handlers=[log_handler()],
        force=True,
    )


if __name__ == "__main__":
    main()
