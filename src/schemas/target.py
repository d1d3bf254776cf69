"""What every part of a training is described by, and limits that several have."""

from dataclasses import dataclass
from typing import Annotated, Any

MAX_SIZE = 4096  # px
MAX_COUNT = 100_000  # pictures in memory
MAX_SEED = 2**32 - 1
MAX_WEIGHT = 1e6  # of a term of the loss


TEXT, PATH, PATHS = "text", "path", "paths"
Text = Annotated[str, TEXT]
"""Taken as it is typed: Hydra would read 2020_01 as a number, and refuse spaces."""
PathText = Annotated[str, PATH]
"""Taken as it is typed, but for ~."""
PathTexts = Annotated[Any, PATHS]
"""One :data:`PathText`, or a list as [A,B]; see :func:`src.limits.several`."""


@dataclass(kw_only=True)
class Target:
    """A config group whose choice is built into an object."""

    _target_: str
