"""Compare the settings that a run was made with to those of now."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from colorization.errors import InputError
from colorization.settings.fields import MISSING
from colorization.settings.legacy import rename_targets
from colorization.settings.parts import BY_TARGET, Encoder

NEUTRAL = {
    "data_dir",
    "root",
    "clones",
    "avoid",
    "max_pixels",
    "max_memory",
    "cache",
    "resume",
    "repeats",
    "pictures_every",
    "test_every",
    "checkpoint_every",
}
"""Settings that leave a run's scores as they are, whatever group they are in."""
INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{(\w+(?:\.\w+)*\}|epochs:)?")
"""Of another setting, or of what conf/ works out from one; no group for any other."""


def drop_neutral(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, nested or with dotted names, without those of :data:`NEUTRAL`."""
    return {
        name: drop_neutral(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name.rpartition(".")[2] not in NEUTRAL
    }


def find_difference(
    then: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, Any]
) -> str:
    """Name a setting in which a run that exists differs from one that is asked for, as NAME=VALUE.

    A setting that is newer than that run had its default value then. Returns nothing if all are
    alike.
    """
    then = add_defaults(rename_targets(then))
    old, new, default = (
        flatten(drop_neutral(rename_targets(settings))) for settings in (then, now, defaults)
    )
    for name in sorted(old.keys() | new.keys()):
        value = old.get(name, default.get(name, "nothing"))
        if value != new.get(name, "nothing"):
            return f"{name}={value}"
    return ""


def add_defaults(settings: Mapping[str, Any], schema: type | None = None) -> dict[str, Any]:
    """Add the defaults of settings that parts, nested as they may be, are too old to have."""
    schema = schema or BY_TARGET.get(str(settings.get("_target_")))
    known = {field.name: field.default for field in fields(schema)} if schema else {}
    found = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in known.items()
        if value not in (NO_DEFAULT, MISSING)
    }
    for name, value in settings.items():
        below = Encoder if name == "encoder" else None  # which has no target
        found[name] = add_defaults(value, below) if isinstance(value, Mapping) else value
    return found


def read_start(folder: Path) -> dict[str, Any]:
    """Read the settings that the run in a folder was started with.

    Raises:
        Exception: of any kind, if they cannot be read; damaged bytes can raise anything.
    """
    settings: dict[str, Any] = to_json(
        read_settings(folder / "config" / "config.yaml", resolve=True)
    )
    return settings


def read_settings(path: Path, resolve: bool = False) -> dict[str, Any]:
    """Read a file of settings as nested dicts.

    Args:
        resolve: replace interpolations by the settings that they refer to.

    Raises:
        ValueError: if it is empty, because the process that wrote it was killed.
        Exception: of any kind, if it cannot be read.
    """
    text = path.read_text("utf-8")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise ValueError(f"{path} has aliases, which may stand for more than memory holds")
    config = OmegaConf.load(StringIO(text))
    found: Any = OmegaConf.to_container(config)
    if not found:
        raise ValueError(f"{path} is empty")
    if resolve:
        check_closed(flatten(found))
        found = OmegaConf.to_container(config, resolve=True)
    return dict(rename_targets(found))


def check_closed(settings: Mapping[str, Any]) -> None:
    """Raise InputError if a recorded setting refers to anything but other settings."""
    for name, value in settings.items():
        if not all(INTERPOLATION.findall(str(value))):
            raise InputError(f"{name} is {value}, which refers to something that is no setting")


def to_json(settings: Any) -> Any:
    """Return settings as JSON gives them back: lists for tuples."""
    return json.loads(json.dumps(settings))


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested dicts into one, keys joined by dots."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= flatten(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
