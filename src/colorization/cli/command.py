"""How every command begins and ends: its words, its folder, and bad input as one line on stderr."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from colorization.errors import INTERRUPTED, InputError, ToldElsewhereError
from colorization.files.atomic import LOCK
from colorization.settings.failures import BAD_INPUT, one_line
from colorization.settings.overrides import quote_overrides

NOT_CHOSEN = "Unexpected type for root"  # OmegaConf's, of a setting below null
OF_SETTING = "full_key: "  # OmegaConf's, of a number of hundreds of digits


def run(main: Callable[[], object], schema: type) -> None:
    """Call a Hydra main, whose own errors are bad overrides.

    Args:
        schema: of the command; its texts and paths are taken as they are typed.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hands errors on to us
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    sys.argv[1:] = quote_overrides(sys.argv[1:], schema)
    with one_line_errors():
        try:
            main()
        except AssertionError as error:
            if NOT_CHOSEN not in str(error):
                raise
            known = "amplifier, encoder, perceptual and adversary"
            words = " ".join(word for word in sys.argv[1:] if "." in word)
            raise InputError(
                f"a part that is not chosen has no settings: {words}; choose it too ({known})"
            ) from error
        except OverflowError as error:
            if OF_SETTING not in str(error):
                raise
            raise InputError(str(error)) from error


@contextmanager
def run_folder() -> Iterator[Path]:
    """The folder that Hydra has made for this command, gone again if the command is refused.

    That is: if bad input ends it before anything but a log is kept there.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        yield folder
    except BAD_INPUT:
        kept = list(folder.iterdir())
        if all(path.name.startswith(LOCK) or path.suffix == ".log" for path in kept):
            for path in kept:
                path.unlink()
            remove_empty(folder)
        raise


def remove_empty(folder: Path) -> None:
    """Remove a folder, and those of ``outputs`` above it that have nothing else in them."""
    outputs = Path("outputs").absolute()
    for place in (folder, *folder.parents):
        if place != folder and not place.is_relative_to(outputs):
            return
        try:
            place.rmdir()
        except OSError:  # not empty, or the folder that this process is in
            return


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
