"""Compare the settings that a run was made with to those of now."""

import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import OmegaConf

from colorization.errors import InputError
from colorization.settings.legacy import rename_targets

PLACES = {
    "data_dir",
    "root",
    "max_pixels",
    "max_memory",
    "cache",
    "resume",
    "repeats",
    "pictures_every",
    "checkpoint_every",
}
"""Settings that leave a run's scores as they are, whatever group they are in."""
INTERPOLATION = re.compile(r"(?<!\\)(?:\\\\)*\$\{(\w+(?:\.\w+)*\}|epochs:)?")
"""Of another setting, or of what conf/ works out from one; no group for any other."""


def without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, nested or with dotted names, without those of :data:`PLACES`."""
    return {
        name: without_places(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name.rpartition(".")[2] not in PLACES
    }


class Wanted(NamedTuple):
    """Settings of a run that is asked for, and their default values, as JSON holds them."""

    settings: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def difference(self, then: Mapping[str, Any]) -> str:
        """Name a setting in which an existing run differs, as NAME=VALUE; empty if there is none.

        A setting that is newer than that run had its default value then.
        """
        old, new, default = (
            flat(without_places(rename_targets(settings)))
            for settings in (then, self.settings, self.defaults)
        )
        for name in sorted(old.keys() | new.keys()):
            value = old.get(name, default.get(name, "nothing"))
            if value != new.get(name, "nothing"):
                return f"{name}={value}"
        return ""


def started_with(folder: Path) -> dict[str, Any]:
    """Read the settings that the run in a folder was started with.

    Raises:
        Exception: of any kind, if they cannot be read; damaged bytes can raise anything.
    """
    settings: dict[str, Any] = as_json(
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
        check_closed(flat(found))
        found = OmegaConf.to_container(config, resolve=True)
    return dict(rename_targets(found))


def check_closed(settings: Mapping[str, Any]) -> None:
    """Raise InputError if a recorded setting refers to anything but other settings."""
    for name, value in settings.items():
        if not all(INTERPOLATION.findall(str(value))):
            raise InputError(f"{name} is {value}, which refers to something that is no setting")


def as_json(settings: Any) -> Any:
    """Return settings as JSON gives them back: lists for tuples."""
    return json.loads(json.dumps(settings))


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return the first name, by the alphabet, whose values differ; what is missing is None."""
    names = sorted(old.keys() | new.keys())
    return next((name for name in names if old.get(name) != new.get(name)), None)


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested dicts into one, keys joined by dots."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
