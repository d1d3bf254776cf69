"""How every command ends: bad input as one line on stderr, everything else as it is."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from src.errors import InputError, ToldElsewhereError

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
LAUNCHER = "Could not find 'hydra/launcher/"  # Hydra's
NOT_CHOSEN = "Unexpected type for root"  # OmegaConf's, of a setting below null
OF_SETTING = "full_key: "  # OmegaConf's, of a number of hundreds of digits
INTERRUPTED = 130  # a command's status, as shells have it
BAD_INPUT = (InputError, OSError, HydraException, OmegaConfBaseException)


def run(main: Callable[[], object], paths: Sequence[str] = ()) -> None:
    """Call a Hydra main, whose own errors are bad overrides.

    Args:
        paths: settings whose values are taken as they are typed: Hydra would read 2020_01 as a
            number, and refuse spaces.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hands errors on to us
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    sys.argv[1:] = [quoted(word, paths) for word in sys.argv[1:]]
    with one_line_errors():
        try:
            main()
        except AssertionError as error:
            if NOT_CHOSEN not in str(error):
                raise
            known = "amplifier, encoder, guidance, perceptual and adversary"
            words = " ".join(word for word in sys.argv[1:] if "." in word)
            raise InputError(
                f"a part that is not chosen has no settings: {words}; choose it too ({known})"
            ) from error
        except OverflowError as error:
            if OF_SETTING not in str(error):
                raise
            raise InputError(str(error)) from error


def quoted(word: str, paths: Sequence[str]) -> str:
    """NAME=VALUE with the value in quotes, if it is one of these settings and is not yet."""
    name, equals, value = word.partition("=")
    if name not in paths or not value or value == "null" or value[0] in "'\"":
        return word
    return name + equals + in_quotes(value).replace("${", "\\${")  # no interpolation


def in_quotes(value: str) -> str:
    """A value in quotes, for Hydra to read it as it is, but for interpolations."""
    value = re.sub(r"(\\*)(\Z|')", lambda m: 2 * m[1] + m[2].replace("'", "\\'"), value)
    return f"'{value}'"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with status 2 and one line for what a user can put right, with 130 when interrupted.

    A command's work goes into one of its own: Hydra adds lines to errors that pass through it.
    """
    try:
        yield
    except ToldElsewhereError:
        sys.exit(2)
    except BAD_INPUT as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal's handler: end as by Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM, and Lightning's own way out of Ctrl-C, as Ctrl-C."""
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGTERM, previous)


def one_line(error: BaseException) -> str:
    """An error and its cause as one line."""
    text = str(error) or type(error).__name__
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in text:
        text += f": {cause}"
    text = text.removeprefix("InputError raised while resolving interpolation: ")
    text = text.partition("Config search path:")[0].partition("To append to your config")[0]
    if LAUNCHER in text:
        text += "; others come with pip install -e '.[joblib]', '.[submitit]' or '.[ray]'"
    kept = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    return " ".join(line for line in kept if line)
