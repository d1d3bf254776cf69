"""Overrides of a command line: which settings there are, and texts and paths as they are typed."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from colorization.settings.commands import GridOrSearch
from colorization.settings.fields import PATH, PATHS, TEXT, Target
from colorization.settings.parts import SCHEMAS

OF_HYDRA = "hydra."
FLAGS = {"-m", "--multirun"}
OF_SWEEP = ("hydra.sweep.dir=", "hydra.mode=MULTIRUN")
QUOTED = r"(?P<quote>['\"])(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)(?P=quote)"  # in Hydra's grammar
PIECE = re.compile(rf"\s*({QUOTED}|[^,]*?)\s*(?:,|\Z)", re.DOTALL)  # of a list
SWEPT = re.compile(r"(choice|glob|range|interval|shuffle|sort|tag)\(.*\)", re.DOTALL)


def list_settings(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and type hint of every setting of a schema; ``*`` stands for a dict's keys."""
    for name, hint in get_type_hints(schema, include_extras=True).items():
        yield from list_nested(prefix + name, hint)


def list_nested(name: str, hint: Any) -> Iterator[tuple[str, Any]]:
    """Yield a setting and those that lie in it."""
    yield name, hint
    for part in (hint, *get_args(hint)):
        if part is Target:
            for choice in SCHEMAS[name].values():
                yield from list_settings(choice, f"{name}.")
        elif is_dataclass(part) and get_origin(hint) is dict:
            yield from list_nested(f"{name}.*", part)
        elif is_dataclass(part):
            yield from list_settings(part, f"{name}.")


def list_verbatim(schema: Any) -> dict[str, str]:
    """Return the settings that are taken as they are typed, each with TEXT, PATH or PATHS.

    Some of Hydra's own are among them.
    """
    of_hydra = {"hydra.run.dir": PATH, "hydra.sweep.dir": PATH}
    of_both = (*list_settings(schema), *list_settings(GridOrSearch, "hydra.sweeper."))
    return of_hydra | {name: kind for name, hint in of_both for kind in list_annotations(hint)}


def list_annotations(hint: Any) -> tuple[str, ...]:
    """Return what a type hint is annotated with."""
    within = (kind for part in get_args(hint) for kind in list_annotations(part))
    return *getattr(hint, "__metadata__", ()), *within


def is_named(name: str, pattern: str) -> bool:
    """Tell whether a pattern of :func:`list_settings` stands for a setting's name."""
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", r"[\w-]+"), name))


def quote_overrides(words: Sequence[str], schema: type) -> list[str]:
    """Put texts and paths among the words of a command in quotes.

    Hydra then takes them as they are typed.

    Args:
        words: of the command line.
        schema: the dataclass of the command in commands.py.
    """
    kinds = list_verbatim(schema)
    is_sweep = any(word in FLAGS or word.startswith(OF_SWEEP) for word in words)
    return [quote_override(word, kinds, is_sweep) for word in words]


def quote_override(word: str, kinds: Mapping[str, str], is_sweep: bool = False) -> str:
    """Put the value of NAME=VALUE in quotes, if ``kinds`` has the setting and it is not null.

    Values in quotes stay as they are. Commas part the paths of a list [A,B], and the values of a
    sweep. Only Hydra's own settings keep interpolations.
    """
    name, equals, value = word.partition("=")
    setting = name.lstrip("+")
    kind = next((kinds[pattern] for pattern in kinds if is_named(setting, pattern)), None)
    if kind is None or not value or value == "null":
        return word
    is_own = not setting.startswith(OF_HYDRA)

    def in_place(text: str) -> str:
        if re.fullmatch(QUOTED, text, re.DOTALL):
            return text
        text = text if kind == TEXT else os.path.expanduser(text)
        return quote(text, escaped=is_own)

    if kind == PATHS and value[0] + value[-1] == "[]":
        return f"{name}=[{','.join(map(in_place, split_list(value[1:-1])))}]"
    if is_sweep and is_own:
        return (
            word
            if SWEPT.fullmatch(value)
            else f"{name}={','.join(map(in_place, split_list(value)))}"
        )
    return name + equals + in_place(value)


def split_list(text: str) -> list[str]:
    """Split a text at its commas, except those in quotes."""
    return [found[1] for found in PIECE.finditer(text) if found[0]]


def quote(value: str, escaped: bool = False) -> str:
    """Put a value in quotes, for Hydra to read it as it is.

    Interpolations stay, unless ``escaped``.
    """
    if escaped:
        value = re.sub(r"(\\*)\$\{", lambda m: rf"{2 * m[1]}\${{", value)
    value = re.sub(r"(\\*)(\Z|')", lambda m: 2 * m[1] + m[2].replace("'", "\\'"), value)
    return f"'{value}'"
