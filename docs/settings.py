"""Write docs/reference/settings.md from the dataclasses that declare the settings.

python -m docs.settings
"""

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import yaml
from omegaconf import MISSING as NO_DEFAULT

from colorization.settings.commands import (
    Board,
    Data,
    Evaluate,
    GridOrSearch,
    Leaderboard,
    Train,
    Trainer,
)
from colorization.settings.compose import CONF
from colorization.settings.fields import PATH, PATHS, TEXT
from colorization.settings.parts import SCHEMAS, Encoder

PAGE = Path(__file__).with_name("reference") / "settings.md"
INTRODUCTION = """# Settings

Training is composed from groups of files below `conf/`. Choose from a group with `GROUP=CHOICE`.
Set one value with `name=value`. Print everything with `colorization train --cfg job`. The group
`experiment` holds whole [recipes](recipes.md).

Every setting has a type and limits. A wrong name, type or value stops the command with one line,
before any data is read. A setting whose default is "required" must be given.

`python -m docs.settings` writes this page from the code.

"""
HEADER = "| setting | type | default | limits | meaning |\n| --- | --- | --- | --- | --- |\n"
TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text", Any: "list"} | {
    TEXT: "text",
    PATH: "path",
    PATHS: "path, or list of paths",
}
PARTS = {**SCHEMAS, "encoder": {"timm": Encoder}, "trainer": {"auto": Trainer}}
PLACES = {"encoder": "network.encoder"}  # groups whose settings lie elsewhere


def page() -> str:
    """Return the page as Markdown."""
    chosen = {
        name: choice
        for entry in yaml.safe_load(Path(CONF, "train.yaml").read_text())["defaults"]
        if isinstance(entry, dict)
        for name, choice in entry.items()
        if name in PARTS
    }
    own = [*rows(Train), *rows(Data, "data.")]
    text = INTRODUCTION + f"## Settings of train outside the groups\n\n{table(own)}\n"
    for group, choice in chosen.items():
        text += f"## {group}\n\n" + "".join(choices(group, choice)) + "\n"
        for name, schema in PARTS[group].items():
            place = PLACES.get(group, group)
            if found := [*rows(schema, f"{place}.")]:
                heading = f"### {group}={name}\n\n" if len(PARTS[group]) > 1 else ""
                text += f"{heading}{table(found)}\n"
    sweeps = table([*rows(GridOrSearch, "hydra.sweeper.")])
    text += f"## Sweeps\n\nOf `colorization train -m`.\n\n{sweeps}\n"
    text += f"## evaluate\n\n{table([*rows(Evaluate)])}\n"
    return text + f"## leaderboard\n\n{table([*rows(Board, 'boards.'), *rows(Leaderboard)])}"


def choices(group: str, default: str) -> Iterator[str]:
    """Yield a line for each file of a group: its name, its comment, and what it sets."""
    for path in sorted(Path(CONF, group).glob("*.yaml")):
        lines = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
        about = " ".join(line for line in lines if not line.startswith("@package"))
        values = yaml.safe_load(path.read_text()) or {}
        changed = [
            f"`{name}={shown(value)}`"
            for name, value in values.items()
            if name != "defaults" and not isinstance(value, dict)
        ]
        sets = f" Sets {', '.join(changed)}." if changed else ""
        mark = " (default)" if path.stem == default else ""
        yield f"- `{group}={path.stem}`{mark}: {about}{sets}\n"


def rows(schema: type, prefix: str = "") -> Iterator[list[str]]:
    """Yield name, type, default, limits and meaning of each setting of a schema."""
    types = get_type_hints(schema, include_extras=True)
    for field in fields(schema):
        kind = types[field.name]
        nested = [part for part in (kind, *get_args(kind)) if is_dataclass(part)]
        if field.name == "_target_" or "help" not in field.metadata or nested:
            continue
        factory = field.default_factory
        default = field.default if factory is MISSING else factory()
        limits = field.metadata
        allowed = " to ".join(map(readable, limits.get("within", ())))
        allowed += ", ".join(f"`{word}`" for word in limits.get("one_of", ()))
        value = "required" if default == NO_DEFAULT else f"`{shown(default)}`"
        yield [f"`{prefix}{field.name}`", named(kind), value, allowed, field.metadata["help"]]


def named(kind: Any) -> str:
    """Return a type in words."""
    if get_origin(kind) is Annotated:
        return TYPES[kind.__metadata__[0]]
    if kind in TYPES:
        return TYPES[kind]
    if NoneType in get_args(kind):
        return f"{named(get_args(kind)[0])} or null"
    return "mapping" if get_origin(kind) is dict else "list"


def readable(limit: float) -> str:
    """Return a limit of a number; large whole numbers have commas."""
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"


def shown(value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return json.dumps(value).strip('"')


def table(found: list[list[str]]) -> str:
    """Return rows as a Markdown table."""
    lines = (
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in found
    )
    return HEADER + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
