"""What every part of a training is described by, and limits that several have."""

from dataclasses import dataclass
from typing import Annotated, Any

from colorization.settings.limits import Limits, within

COUNT: Limits = within(1, 100_000)  # pictures in memory
FILES: Limits = within(1, 1_000_000_000)  # photographs on disk
PIXELS: Limits = within(1, 100_000_000_000)  # of a picture; the largest that any format holds
SEED: Limits = within(0, 2**32 - 1)
SHARE: Limits = within(0, 1)
SIZE: Limits = within(8, 4096)  # px
SEEN_SIZE: Limits = within(16, 4096)  # px, of what a network sees
TEMPERATURE: Limits = within(1e-3, 1000)  # below, exponents of probabilities overflow
WEIGHT: Limits = within(1e-6, 1e6)  # of a term of the loss


TEXT, PATH, PATHS = "text", "path", "paths"
Text = Annotated[str, TEXT]
"""Taken as it is typed: Hydra would read 2020_01 as a number, and refuse spaces."""
PathText = Annotated[str, PATH]
"""Taken as it is typed, but for ~."""
PathTexts = Annotated[Any, PATHS]
"""One :data:`PathText`, or a list as [A,B]; see :func:`colorization.settings.limits.several`."""


@dataclass(kw_only=True)
class Target:
    """A config group whose choice is built into an object."""

    _target_: str
