"""Words of a command as they are typed, in quotes for Hydra to read them as they are."""

import os
import re
from collections.abc import Mapping, Sequence

from colorization.settings.fields import PATHS, TEXT
from colorization.settings.names import matches, verbatim

OF_HYDRA = "hydra."
FLAGS = {"-m", "--multirun"}
OF_SWEEP = ("hydra.sweep.dir=", "hydra.mode=MULTIRUN")
QUOTED = r"(?P<quote>['\"])(?:(?:\\\\)*|.*?[^\\](?:\\\\)*)(?P=quote)"  # in Hydra's grammar
PIECE = re.compile(rf"\s*({QUOTED}|[^,]*?)\s*(?:,|\Z)", re.DOTALL)  # of a list
SWEPT = re.compile(r"(choice|glob|range|interval|shuffle|sort|tag)\(.*\)", re.DOTALL)


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
