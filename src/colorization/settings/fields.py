"""How a setting is declared: its type, default, limits and a line of help, all in one place.

Every error names the setting as it is typed.
"""

import os
import re
from collections.abc import Hashable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType
from typing import Annotated, Any

from colorization.errors import InputError

Limits = Mapping[str, Any]
"""What the value of a setting may be: part of the metadata of a dataclass's field."""
ANYTHING: Limits = MappingProxyType({})
MAX_NAME = 100  # bytes
MISSING: Any = "???"  # OmegaConf's own mark, which takes a tenth of a second to import


def within(least: float, most: float) -> Limits:
    """Limit a number, or each number of several."""
    return {"within": (least, most)}


def one_of(*known: str) -> Limits:
    """Limit a word to those known."""
    return {"one_of": known}


BELOW_ONE: Limits = within(0, 0.999999)  # of an average that must forget
COUNT: Limits = within(1, 100_000)  # pictures in memory
FILES: Limits = within(1, 1_000_000_000)  # photographs on disk
FOLDER_NAME: Limits = {"is_folder": True}  # a word; see folder_name
PIXELS: Limits = within(1, 100_000_000_000)  # of a picture; the largest that any format holds
SEED: Limits = within(0, 2**32 - 1)
SEEN_SIZE: Limits = within(16, 4096)  # px, of what a network sees
SHARE: Limits = within(0, 1)
SIZE: Limits = within(8, 4096)  # px
TEMPERATURE: Limits = within(1e-3, 1000)  # below, exponents of probabilities overflow
WEIGHT: Limits = within(1e-6, 1e6)  # of a term of the loss

TEXT, PATH, PATHS = "text", "path", "paths"
Text = Annotated[str, TEXT]
"""Taken as it is typed: Hydra would read 2020_01 as a number, and refuse spaces."""
PathText = Annotated[str, PATH]
"""Taken as it is typed, except that ~ is the home folder."""
PathTexts = Annotated[Any, PATHS]
"""One :data:`PathText`, or a list as [A,B]; see :func:`as_list`."""


def setting(default: Any = MISSING, limits: Limits = ANYTHING, help: str = "") -> Any:
    """Declare a setting, as a field of a dataclass.

    Args:
        default: its value unless another is given. Without one, the setting must be given.
        limits: of :func:`within` or :func:`one_of`, or one of the constants above. Null is allowed
            wherever the type allows it.
        help: what it means, in a few words, for the reference in the docs.
    """
    metadata = {**limits, "help": help}
    if isinstance(default, Hashable):
        return field(default=default, metadata=metadata)
    return field(default_factory=lambda: deepcopy(default), metadata=metadata)


@dataclass(kw_only=True)
class Target:
    """A choice of a config group, which :func:`build` makes an object of."""

    _target_: str


def check(name: str, value: Any, limits: Limits = ANYTHING) -> None:
    """Check a setting, or all settings below it, each against the limits of its field.

    Null is allowed wherever the type allows it. NaN is outside of all limits.

    Raises:
        InputError: naming the first setting that is out of its limits, or empty.
    """
    if is_dataclass(value):
        for part in fields(value):
            check(join_name(name, part.name), getattr(value, part.name), part.metadata)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            check(join_name(name, key), part, limits)
    elif isinstance(value, list | tuple):
        for part in value:
            check(name, part, limits)
    elif value is not None and "within" in limits:
        check_number(name, value, *limits["within"])
    elif isinstance(value, str):
        check_word(name, value, limits)


def check_number(name: str, value: Any, least: float, most: float) -> None:
    """Check one number; errors are those of :func:`check`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} is {value!r}; it must be a number")
    if not value >= least:
        raise InputError(f"{name} is {value}; it must be at least {least}")
    if not value <= most:
        raise InputError(f"{name} is {value}; it must be at most {most}")


def check_word(name: str, word: str, limits: Limits) -> None:
    """Check one word; errors are those of :func:`check`."""
    known = limits.get("one_of", (word,))
    if word not in known:
        raise InputError(f"{name} is {word!r}; it must be one of: {', '.join(known)}")
    if not word.strip():
        raise InputError(f"{name} is empty; give it a value")
    if "is_folder" in limits:
        folder_name(word, name)


def folder_name(word: str, name: str = "dataset.name") -> str:
    """Check a word that names a folder, and return it.

    Raises:
        InputError: if it could name a place outside the folder that it is put into.
    """
    if not re.fullmatch(r"(?![\s.])[^/\\${}\x00-\x1f]+", word) or len(os.fsencode(word)) > MAX_NAME:
        raise InputError(
            f"{name} is {word!r}; it names a folder: up to {MAX_NAME} bytes, without any of "
            "/ \\ $ { } and with no dot or space first"
        )
    return word


def as_list(name: str, value: object) -> list[str]:
    """Return a word or a list of words as a list.

    Raises:
        InputError: for anything else, and for an empty list.
    """
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return words
    raise InputError(f"{name} is {value}; it must be a word, or a list of words as [A,B]")


def join_name(group: str, name: str) -> str:
    """Return a setting's name as it is typed."""
    return f"{group}.{name}" if group else name
