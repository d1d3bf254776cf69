"""How every command ends: bad input as one line on stderr, everything else as it is."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from src.errors import InputError

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
BAD_INPUT = (InputError, OSError, HydraException, OmegaConfBaseException)


def run(main: Callable[[], object]) -> None:
    """Call a Hydra main, whose own errors are bad overrides."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hands errors on to us
    with one_line_errors():
        main()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with status 2 and one line for what a user can put right, with 130 when interrupted.

    A command's work goes into one of its own: Hydra adds lines to errors that pass through it.
    """
    try:
        yield
    except BAD_INPUT as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM, and Lightning's own way out of Ctrl-C, as Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

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
    kept = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    return " ".join(line for line in kept if line)
