"""Go on with an interrupted run: what must be the same, and what to type."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from src.checkpoints import read_checkpoint
from src.colorizer import Colorizer
from src.config import CHECKPOINTS
from src.data.datamodule import ColorDataModule
from src.errors import InputError
from src.results import first_difference, flat
from src.saving import EMA
from src.wanted import without_places


def check_resumable(
    path: str, folder: Path, colorizer: Colorizer, data: ColorDataModule, ema: float | None
) -> int:
    """Make sure that a checkpoint continues the run that is configured, in its own folder.

    Returns:
        The steps that it has behind it.

    Raises:
        InputError: naming what differs.
    """
    checkpoint = read_checkpoint(path)
    if "optimizer_states" not in checkpoint:
        raise InputError(f"{path} holds weights only and cannot be resumed")
    then = checkpoint["hyper_parameters"] | checkpoint["datamodule_hyper_parameters"]
    old, new = (
        flat(without_places(settings))
        for settings in (then, dict(colorizer.hparams) | dict(data.hparams))
    )
    if name := first_difference(old, new):
        raise InputError(
            f"{path} was trained with {name}={old.get(name)}, this run has {new.get(name)}; "
            "resume with the settings it was started with"
        )
    if (ema is not None) != ("averaging_state" in checkpoint):
        was = "with" if ema is None else "without"
        raise InputError(f"{path} was trained {was} trainer.ema; resume as it was started")
    if ema != (then_ema := checkpoint.get(EMA, ema)):
        raise InputError(f"{path} was trained with trainer.ema={then_ema}, this run has {ema}")
    if shapes(checkpoint["state_dict"]) != shapes(colorizer.state_dict()):
        raise InputError(f"{path} is of another architecture: its weights have other shapes")
    if Path(path).resolve().parent != (folder / CHECKPOINTS).resolve():
        raise InputError(f"{path} goes on in its own run folder, not in {folder}")
    steps: int = checkpoint["global_step"]
    return steps


def shapes(weights: Mapping[str, Tensor]) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in weights.items()}


def resume_command(folder: Path, overrides: Sequence[str]) -> str:
    """What continues an interrupted run."""
    kept = [word for word in overrides if not word.startswith(("resume=", "hydra."))]
    if repeats := [word for word in kept if word.startswith("repeats=")]:
        kept = ["--from", str(folder), *repeats]  # instead of every single setting
    last = folder / CHECKPOINTS / "last.ckpt"
    return shlex.join([sys.executable, "-m", "src.train", *kept, f"resume={last}"])
