"""How every command begins and ends: its words, its folder, and bad input as one line on stderr."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from colorization.errors import InputError, ToldElsewhereError, in_words
from colorization.files.atomic import LOCK, write_text
from colorization.settings.names import matches, verbatim
from colorization.settings.target import PATHS, TEXT

NOISE = ("object_type=", "reference_type=")  # of OmegaConf's messages
LAUNCHER = "Could not find 'hydra/launcher/"  # Hydra's
NOT_CHOSEN = "Unexpected type for root"  # OmegaConf's, of a setting below null
OF_SETTING = "full_key: "  # OmegaConf's, of a number of hundreds of digits
INTERRUPTED = 130  # a command's status, as shells have it
BAD_INPUT = (InputError, OSError, HydraException, OmegaConfBaseException)
OF_HYDRA = "hydra."
FLAGS = {"-m", "--multirun"}
OF_SWEEP = ("hydra.sweep.dir=", "hydra.mode=MULTIRUN")
QUOTED = r"(?P<quote>['\"])(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)(?P=quote)"  # in Hydra's grammar
PIECE = re.compile(rf"\s*({QUOTED}|[^,]*?)\s*(?:,|\Z)", re.DOTALL)  # of a list
SWEPT = re.compile(r"(choice|glob|range|interval|shuffle|sort|tag)\(.*\)", re.DOTALL)


def run(main: Callable[[], object], schema: type) -> None:
    """Call a Hydra main, whose own errors are bad overrides.

    Args:
        schema: of the command; its texts and paths are taken as they are typed.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hands errors on to us
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    sys.argv[1:] = as_typed(sys.argv[1:], schema)
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


def as_typed(words: Sequence[str], schema: type) -> list[str]:
    """Words of a command with texts and paths in quotes, for Hydra to read them as they are."""
    kinds = verbatim(schema)
    is_sweep = any(word in FLAGS or word.startswith(OF_SWEEP) for word in words)
    return [quoted(word, kinds, is_sweep) for word in words]


def quoted(word: str, kinds: Mapping[str, str], is_sweep: bool = False) -> str:
    """NAME=VALUE with the value in quotes, if ``kinds`` has the setting and it is not null.

    Values in quotes stay as they are. Commas part the paths of a list [A,B], and the values of a
    sweep. Only Hydra's own settings keep interpolations.
    """
    name, equals, value = word.partition("=")
    setting = name.lstrip("+")
    kind = next((kinds[pattern] for pattern in kinds if matches(setting, pattern)), None)
    if kind is None or not value or value == "null":
        return word
    is_own = not setting.startswith(OF_HYDRA)

    def in_place(text: str) -> str:
        if re.fullmatch(QUOTED, text, re.DOTALL):
            return text
        text = text if kind == TEXT else os.path.expanduser(text)
        return in_quotes(text, escaped=is_own)

    if kind == PATHS and value[0] + value[-1] == "[]":
        return f"{name}=[{','.join(map(in_place, pieces(value[1:-1])))}]"
    if is_sweep and is_own:
        return (
            word if SWEPT.fullmatch(value) else f"{name}={','.join(map(in_place, pieces(value)))}"
        )
    return name + equals + in_place(value)


def pieces(text: str) -> list[str]:
    """What commas part, but for those in quotes."""
    return [found[1] for found in PIECE.finditer(text) if found[0]]


def in_quotes(value: str, escaped: bool = False) -> str:
    """A value in quotes, for Hydra to read it as it is; interpolations stay, unless ``escaped``."""
    if escaped:
        value = re.sub(r"(\\*)\$\{", lambda m: rf"{2 * m[1]}\${{", value)
    value = re.sub(r"(\\*)(\Z|')", lambda m: 2 * m[1] + m[2].replace("'", "\\'"), value)
    return f"'{value}'"


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


def save_settings(config: DictConfig, folder: Path) -> None:
    """Write what a run is made with into its folder, as Hydra does before a command has begun."""
    job = HydraConfig.instance().cfg
    parts = {"config": config, "hydra": job, "overrides": HydraConfig.get().overrides.task}
    for name, part in parts.items():
        write_text(OmegaConf.to_yaml(part), folder / "config" / f"{name}.yaml")


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
    text = in_words(error) if isinstance(error, OSError) else str(error)
    text = text or type(error).__name__
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and str(cause) not in text:
        text += f": {cause}"
    text = text.removeprefix("InputError raised while resolving interpolation: ")
    text = text.partition("Config search path:")[0].partition("To append to your config")[0]
    if LAUNCHER in text:
        text += "; others come with pip install -e '.[joblib]', '.[submitit]' or '.[ray]'"
    kept = [line.strip() for line in text.splitlines() if not line.strip().startswith(NOISE)]
    return " ".join(line for line in kept if line)
