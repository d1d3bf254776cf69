"""Checkpoints as Lightning writes them, read without it."""

from pathlib import Path
from typing import Any

import torch

from src.errors import InputError

DATA = "ColorDataModule"  # where that one's state is
UNSAID = {"flip_average": False, "strength": 0.0}
"""Settings of a Colorizer that older checkpoints do not name, as they were then."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of primitives and tensors; nothing in it is run.

    Raises:
        InputError: if there is none, or it is not a whole checkpoint of a Colorizer.
    """
    if not Path(path).is_file():
        raise InputError(f"no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes can raise anything
        raise InputError(
            f"{path} is not a readable checkpoint: it is damaged or not ours"
        ) from error
    parts = ("state_dict", "epoch", "val", "hyper_parameters", "datamodule_hyper_parameters", DATA)
    if not isinstance(checkpoint, dict) or any(part not in checkpoint for part in parts):
        raise InputError(f"{path} is not a checkpoint of src.train")
    return checkpoint
