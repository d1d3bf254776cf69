"""Limits of settings, declared beside each in src/schemas/; every error names the setting."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

from colorization.errors import InputError

MAX_NAME = 100  # bytes
Limits = Mapping[str, Any]
"""What a field's value may be: the metadata of a dataclass's field."""


def within(least: float, most: float) -> Limits:
    """Limits of a number, or of each number of several."""
    return {"within": (least, most)}


def one_of(*known: str) -> Limits:
    """Limits of a word."""
    return {"one_of": known}


FOLDER_NAME: Limits = {"is_folder": True}
"""Limits of a word that names a folder, which stays in the one that it is put into."""


def check(name: str, value: Any, limits: Limits = MappingProxyType({})) -> None:
    """Check a setting, or all settings below it, each against the limits of its field.

    Null is allowed wherever the type allows it. NaN is outside of all limits.

    Raises:
        InputError: naming the first setting that is out of its limits, or empty.
    """
    if is_dataclass(value):
        for field in fields(value):
            check(setting(name, field.name), getattr(value, field.name), field.metadata)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            check(setting(name, key), part, limits)
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
    """A word that names a folder.

    Raises:
        InputError: if it could name a place outside the folder that it is put into.
    """
    if not re.fullmatch(r"(?![\s.])[^/\\\x00-\x1f]+", word) or len(os.fsencode(word)) > MAX_NAME:
        raise InputError(
            f"{name} is {word!r}; it names a folder: up to {MAX_NAME} bytes, without / and \\, and "
            "with no dot or space first"
        )
    return word


def several(name: str, value: object) -> list[str]:
    """A word, or a list of at least one, as a list; InputError for anything else."""
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return words
    raise InputError(f"{name} is {value}; it must be a word, or a list of words as [A,B]")


def setting(group: str, name: str) -> str:
    """A setting's name as it is typed."""
    return f"{group}.{name}" if group else name
