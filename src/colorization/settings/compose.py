"""Compose settings from conf/ and build what they name.

The config store holds the dataclasses of commands.py and parts.py, so a wrong name or type fails
when the config is composed.
"""

import math
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from lightning_utilities.core.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from colorization.errors import InputError
from colorization.settings.commands import (
    Evaluate,
    GridOrSearch,
    Leaderboard,
    Train,
    Trainer,
)
from colorization.settings.fields import check, folder_name
from colorization.settings.installation import CONF as CONF_FOLDER
from colorization.settings.legacy import rename_targets
from colorization.settings.overrides import quote
from colorization.settings.parts import BY_TARGET, SCHEMAS, TARGETS, Encoder, schema_target
from colorization.settings.run_files import CHECKPOINTS

OPTIONAL = {field.name for field in fields(Train) if field.default is None}
"""Parts that a training can do without."""

CONF = str(CONF_FOLDER)
"""Absolute, so that the commands work from any directory."""


def register() -> None:
    """Put the dataclasses into Hydra's config store."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=Train)
    store.store(name="evaluate_schema", node=Evaluate)
    store.store(name="leaderboard_schema", node=Leaderboard)
    store.store(group="hydra/sweeper", name="grid_or_search_schema", node=GridOrSearch)
    store.store(group="schema/trainer", name="trainer", node=Trainer)
    store.store(group="schema/encoder", name="encoder", node=Encoder)
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)


def run_folder(resume: str | None, new: str) -> str:
    """Return the run folder that a checkpoint lies in, or else ``new``."""
    checkpoint = Path(resume or "")
    if checkpoint.is_file() and checkpoint.parent.name == CHECKPOINTS:
        return str(checkpoint.parent.parent)
    return new


def choose_own(first: Any, others: Any, strategy: str) -> Any:
    """Choose a value: ``first``, or ``others`` for all but the first process of trainer=ddp."""
    return first if strategy != "ddp" or is_first() else others


def is_first() -> bool:
    """Tell whether this is the first of the processes that work on one command."""
    return not rank_zero_only.rank  # type: ignore[attr-defined]


def count_epochs(images: int, train: int | None) -> int:
    """Count the epochs in which ``images`` photographs of a training set of ``train`` are seen.

    Raises:
        InputError: if ``train`` is None.
    """
    if train is None:
        raise InputError(
            f"this experiment sees {images} photographs; set dataset.train, or trainer.max_epochs"
        )
    return math.ceil(images / train)


# On import, for the processes of a launcher and for library calls to have them too.
register()
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)
OmegaConf.register_new_resolver("own", choose_own, replace=True)
OmegaConf.register_new_resolver("epochs", count_epochs, replace=True)
OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)


def parse_config(config: DictConfig, name: str = "") -> Any:
    """Turn a composed config, or its part ``name``, into its dataclass, with limits checked.

    Raises:
        InputError: naming the setting that is missing or out of its limits.
    """
    try:
        settings = OmegaConf.to_object(OmegaConf.select(config, name) if name else config)
    except MissingMandatoryValue as error:
        raise InputError(f"{error.full_key} must be set") from error
    check(name, settings)
    return settings


def dataset_choices() -> list[str]:
    """List the datasets below conf/ that need no further settings."""
    names = {path.stem for path in Path(CONF, "dataset").glob("*.yaml")}
    return sorted(names - {"folder"})


def dataset_settings(name: str, data_dir: str, root: str | None = None) -> dict[str, Any]:
    """Compose the settings of a dataset below conf/, as plain dicts.

    Raises:
        InputError: if one is missing or out of its limits.
    """
    in_command = GlobalHydra.instance().is_initialized()
    words = [f"dataset={name}", f"data_dir={quote(data_dir, escaped=True)}"]
    if root is not None:
        words.append(f"dataset.root={quote(root, escaped=True)}")
    with nullcontext() if in_command else initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", words)
    settings: dict[str, Any] = to_dict(parse_config(config, "dataset"))
    return settings


def to_dict(config: Any) -> dict[str, Any]:
    """Return a dataclass as nested plain dicts, fit for a checkpoint."""
    return asdict(config)


def parse_part(group: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings of a part from a file against its schema and its limits.

    Settings that are not there have their defaults: the file may be of an older version.

    Raises:
        InputError: for a target that is no ``group``, or an unknown or unusable setting.
    """
    schemas = {schema_target(schema): schema for schema in SCHEMAS[group].values()}
    settings = rename_targets(settings)
    target = settings.get("_target_") if isinstance(settings, Mapping) else settings
    schema = schemas.get(str(target))  # which may be of any type
    if schema is None:
        raise InputError(f"{target!r} is no {group}; known: {sorted(schemas)}")
    try:
        return parse_as(schema, settings, group)
    except InputError as error:
        raise InputError(f"settings of {target}: {error}") from error


def parse_as(schema: type, settings: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Check settings from a file against a schema; ``${...}`` in them is plain text.

    Raises:
        InputError: for a setting that is unknown, of another type, out of its limits, or
            missing where it has no default.
    """
    try:
        given = {key: with_schema(escape_interpolations(part)) for key, part in settings.items()}
        found = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), given))
    except (OmegaConfBaseException, OverflowError, TypeError, ValueError) as error:
        raise InputError(str(error).splitlines()[0]) from error
    check(name, found)
    return to_dict(found)


def escape_interpolations(value: Any) -> Any:
    """Escape ``${`` in settings, which OmegaConf would replace by other settings."""
    if isinstance(value, Mapping):
        return {key: escape_interpolations(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [escape_interpolations(part) for part in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def with_schema(value: Any) -> Any:
    """Give parts of parts, such as the datasets of a mixed one, the schemas of their targets."""
    if not isinstance(value, Mapping):
        return value
    parts = {key: with_schema(part) for key, part in value.items()}
    schema = BY_TARGET.get(str(parts.get("_target_")))
    return OmegaConf.merge(OmegaConf.structured(schema), parts) if schema else parts


def parse_parts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check the settings of a training by part, each as :func:`parse_part`."""
    absent = {name for name, part in settings.items() if part is None and name in OPTIONAL}
    return {
        name: parse_part(name, part) if name in SCHEMAS.keys() - absent else part
        for name, part in settings.items()
    }


def build(config: Mapping[str, Any], *args: Any, **more: Any) -> Any:
    """Build what ``config["_target_"]`` names, with the other keys as keyword arguments.

    Raises:
        InputError: for a target that no schema names, or that needs a package that is missing.
    """
    settings = dict(config)
    target = settings.pop("_target_", None)
    if target not in TARGETS:
        raise InputError(
            f"{target!r} is not something this project builds; known: {sorted(TARGETS)}"
        )
    try:
        made = get_object(target)
    except ImportError as error:
        missing = find_cause(error)
        raise InputError(f"{target} needs what is not installed: {missing}") from error
    return made(*args, **settings, **more)


def find_cause(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
