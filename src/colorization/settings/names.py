"""Names of a command's settings, as they are typed, and which of them are paths."""

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from colorization.settings.commands import GridOrSearch
from colorization.settings.fields import PATH, Target
from colorization.settings.parts import SCHEMAS


def hints(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and type hint of every setting of a schema; ``*`` stands for a dict's keys."""
    for name, hint in get_type_hints(schema, include_extras=True).items():
        yield from below(prefix + name, hint)


def below(name: str, hint: Any) -> Iterator[tuple[str, Any]]:
    """Yield a setting and those that lie in it."""
    yield name, hint
    for part in (hint, *get_args(hint)):
        if part is Target:
            for choice in SCHEMAS[name].values():
                yield from hints(choice, f"{name}.")
        elif is_dataclass(part) and get_origin(hint) is dict:
            yield from below(f"{name}.*", part)
        elif is_dataclass(part):
            yield from hints(part, f"{name}.")


def verbatim(schema: Any) -> dict[str, str]:
    """Return the settings that are taken as they are typed, with their kinds (TEXT, PATH, PATHS).

    Hydra's own are among them.
    """
    of_hydra = {"hydra.run.dir": PATH, "hydra.sweep.dir": PATH}
    of_both = (*hints(schema), *hints(GridOrSearch, "hydra.sweeper."))
    return of_hydra | {name: kind for name, hint in of_both for kind in kinds(hint)}


def kinds(hint: Any) -> tuple[str, ...]:
    """Return what a type hint is annotated with."""
    within = (kind for part in get_args(hint) for kind in kinds(part))
    return *getattr(hint, "__metadata__", ()), *within


def matches(name: str, pattern: str) -> bool:
    """Return whether a setting's name is one of those that a pattern stands for."""
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", r"[\w-]+"), name))
