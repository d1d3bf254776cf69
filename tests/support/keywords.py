"""What a file command's words mean, as keyword arguments of the function that it calls."""

from typing import Any

from typer.exceptions import TyperException
from typer.main import get_group

from colorization.cli.main import commands, make_options
from colorization.errors import InputError


def keywords(command: str, *words: str) -> dict[str, Any]:
    """Parse words as ``colorization COMMAND`` does; bad ones are an InputError."""
    group = get_group(commands)
    _, *options = make_options([command, *words], group)
    try:
        found: dict[str, Any] = group.commands[command].make_context(command, options).params
    except TyperException as error:
        raise InputError(error.format_message()) from error
    return found
