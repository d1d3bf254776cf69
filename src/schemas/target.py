"""What every part of a training is described by, and limits that several have."""

from dataclasses import dataclass

MAX_SIZE = 4096  # px
MAX_COUNT = 100_000  # pictures in memory
MAX_SEED = 2**32 - 1
MAX_WEIGHT = 1e6  # of a term of the loss


@dataclass(kw_only=True)
class Target:
    """A config group whose choice is built into an object."""

    _target_: str
