"""Go on with an interrupted run: what must be the same, and what to type."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from colorization.data.datamodule import ColorDataModule
from colorization.data.photographs import few
from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.compare import first_difference, flat, without_places
from colorization.settings.compose import CHECKPOINTS
from colorization.training.checkpointing import EMA
from colorization.training.colorizer import Colorizer

PHOTOGRAPHS = "photographs.json"
"""Of a run's folder: what it was split into."""


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


def check_photographs(folder: Path, listing: Mapping[str, Mapping[str, str | None]]) -> None:
    """Make sure that a run goes on with the photographs that it was started with.

    Args:
        listing: as :meth:`ColorDataModule.listing`; a run that is older than this kept none.

    Raises:
        InputError: naming what has changed.
    """
    path = folder / PHOTOGRAPHS
    if not path.is_file():
        return
    try:
        changes = list(differences(json.loads(path.read_text()), listing))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged; delete it to resume without comparing") from error
    if changes:
        raise InputError(
            f"{folder} was started with other photographs: {'; '.join(changes)}; put them back as "
            "they were, or leave out resume= to start a new run"
        )


def differences(
    then: Mapping[str, Mapping[str, str | None]], now: Mapping[str, Mapping[str, str | None]]
) -> Iterator[str]:
    """What has changed in each split."""
    for split, new in now.items():
        old = then[split]
        other = [name for name in old.keys() & new.keys() if old[name] != new[name]]
        for what, names in (
            ("lacks", old.keys() - new.keys()),
            ("has new", new.keys() - old.keys()),
            ("has changed", other),
        ):
            if names:
                yield f"{split} {what} {few(sorted(names))}"


def shapes(weights: Mapping[str, Tensor]) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in weights.items()}


def resume_command(folder: Path, overrides: Sequence[str]) -> str:
    """What continues an interrupted run."""
    kept = [word for word in overrides if not word.startswith(("resume=", "hydra."))]
    if repeats := [word for word in kept if word.startswith("repeats=")]:
        kept = ["--from", str(folder), *repeats]  # instead of every single setting
    last = folder / CHECKPOINTS / "last.ckpt"
    return shlex.join([sys.executable, "-m", "src.train", *kept, f"resume={last}"])
