"""Save a training whole or not at all, and go on with one that was interrupted."""

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from colorization.data.datamodule import ColorDataModule
from colorization.data.photographs import few
from colorization.errors import InputError
from colorization.files.atomic import BESIDE, replacing
from colorization.models.checkpoints import read_checkpoint
from colorization.settings.compare import find_difference, flatten
from colorization.settings.installation import name_module
from colorization.settings.run_files import CHECKPOINTS
from colorization.training.callbacks import FiniteLoss
from colorization.training.colorizer import Colorizer

EMA = "ema"  # in a checkpoint, how much of an average a step leaves
PHOTOGRAPHS = "photographs.json"
"""Of a run's folder: what it was split into."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write checkpoints whole or not at all: a full disk or a kill leaves the one before.

    Lightning's own writes to the temporary folder first, which may be on another disk, so that the
    move to the run's folder can be cut.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        whole = BytesIO()  # torch.save hides what is wrong with a disk it writes to
        torch.save(checkpoint, whole)
        with replacing(Path(path)) as beside:
            beside.write_bytes(whole.getbuffer())


class MovableCheckpoint(ModelCheckpoint):
    """Save checkpoints as ModelCheckpoint, also when resumed in a folder that was moved.

    Lightning's own forgets the best score then.
    """

    @property
    def state_key(self) -> str:
        """Return the key in checkpoints, with this class's first name."""
        return super().state_key.replace(type(self).__qualname__, "Kept", 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: str) -> str:
            return os.path.join(self.dirpath or "", os.path.basename(path)) if path else path

        names = ("best_model_path", "last_model_path", "kth_best_model_path")
        moved = {name: here(state_dict[name]) for name in names}
        best = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            {**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath}
        )


class Patience(EarlyStopping):
    """Stop as EarlyStopping; a resumed run may set another patience.

    Lightning's own takes the checkpoint's patience, and trains another epoch if it was used up.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True
        else:
            self.stopped_epoch = 0


class RunningAverage(WeightAveraging):
    """Score and save the running average of the weights.

    Lightning's EMAWeightAveraging averages as decay * a + (1 - decay) * w, which changes weights
    that stay constant by a rounding; this one leaves them exact.
    """

    def __init__(self, decay: float) -> None:
        def average(means: list[Tensor], weights: list[Tensor], _: Tensor | int) -> None:
            torch._foreach_lerp_(means, weights, 1 - decay)  # all tensors in one call

        super().__init__(use_buffers=False, multi_avg_fn=average)
        self.decay = decay

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        checkpoint[EMA] = self.decay


class SaveWithinEpoch(Callback):
    """Save a checkpoint every so many steps, but not after an epoch's last: that is saved anyway.

    The file takes its place when the next step has a finite loss: its own step may have spoilt the
    weights. After ModelCheckpoint's ``every_n_train_steps``, Lightning would skip the validation
    of an epoch that was saved right before it.

    Args:
        path: of the checkpoint.
        every: steps.
        losses: checks whether they are finite.
    """

    def __init__(self, path: Path, every: int, losses: FiniteLoss) -> None:
        self.path = path
        self.waiting = path.with_name(f"{BESIDE}{path.name}")
        self.is_waiting = False
        self.every = every
        self.losses = losses

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object
    ) -> None:
        if self.is_waiting:
            self.losses.check(trainer)
            self.is_waiting = False
            self.move_into_place()
        if trainer.global_step % self.every == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.waiting, weights_only=False)
            self.is_waiting = True

    @rank_zero_only
    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.waiting.unlink(missing_ok=True)

    @rank_zero_only
    def move_into_place(self) -> None:
        self.waiting.replace(self.path)


def check_resumable(
    path: str,
    folder: Path,
    colorizer: Colorizer,
    data: ColorDataModule,
    ema: float | None,
    finetune: str | None,
) -> int:
    """Check that a checkpoint continues the run that is configured, in its own folder.

    Returns:
        The steps that were done before it.

    Raises:
        InputError: naming what differs.
    """
    checkpoint = read_checkpoint(path)
    if "optimizer_states" not in checkpoint:
        raise InputError(f"{path} holds weights only and cannot be resumed")
    then = checkpoint["hyper_parameters"] | checkpoint["datamodule_hyper_parameters"]
    now = dict(colorizer.hparams) | dict(data.hparams)
    if different := find_difference(then, now, dict.fromkeys(now)):
        has = flatten(now).get(different.partition("=")[0])
        raise InputError(
            f"{path} was trained with {different}, this run has {has}; "
            "resume with the settings it was started with"
        )
    if (ema is not None) != ("averaging_state" in checkpoint):
        was = "with" if ema is None else "without"
        raise InputError(f"{path} was trained {was} trainer.ema; resume as it was started")
    if ema != (then_ema := checkpoint.get(EMA, ema)):
        raise InputError(f"{path} was trained with trainer.ema={then_ema}, this run has {ema}")
    base = checkpoint.get("base")
    if (began := base.get("given") if isinstance(base, dict) else None) != finetune:
        raise InputError(
            f"{path} began with finetune={began or 'null'}; resume with the settings it was "
            "started with"
        )
    then_shapes, now_shapes = (
        {name: weight.shape for name, weight in weights.items()}
        for weights in (checkpoint["state_dict"], colorizer.state_dict())
    )
    if then_shapes != now_shapes:
        raise InputError(f"{path} is of another architecture: its weights have other shapes")
    if Path(path).resolve().parent != (folder / CHECKPOINTS).resolve():
        raise InputError(f"{path} goes on in its own run folder, not in {folder}")
    steps: int = checkpoint["global_step"]
    return steps


def check_photographs(folder: Path, listing: Mapping[str, Mapping[str, str | None]]) -> None:
    """Check that a run goes on with the photographs that it was started with.

    Args:
        listing: of :meth:`ColorDataModule.listing`; the folder of an older run has none.

    Raises:
        InputError: naming what has changed.
    """
    path = folder / PHOTOGRAPHS
    if not path.is_file():
        return
    try:
        changes = list(describe_changes(json.loads(path.read_text()), listing))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is damaged; delete it to resume without comparing") from error
    if changes:
        raise InputError(
            f"{folder} was started with other photographs: {'; '.join(changes)}; put them back as "
            "they were, or leave out resume= to start a new run"
        )


def describe_changes(
    then: Mapping[str, Mapping[str, str | None]], now: Mapping[str, Mapping[str, str | None]]
) -> Iterator[str]:
    """Describe what is gone and new in all, then what has changed in each split."""
    before, after = ({name for split in each.values() for name in split} for each in (then, now))
    for what, some in (("gone", before - after), ("new", after - before)):
        if some:
            yield f"{what}: {few(sorted(some))}"
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


def make_resume_command(folder: Path, overrides: Sequence[str]) -> str:
    """Return the command line that continues an interrupted run."""
    kept = [word for word in overrides if not word.startswith(("resume=", "hydra."))]
    if repeats := [word for word in kept if word.startswith("repeats=")]:
        kept = ["--from", str(folder), *repeats]  # instead of every single setting
    last = folder / CHECKPOINTS / "last.ckpt"
    return shlex.join([sys.executable, "-m", name_module("train"), *kept, f"resume={last}"])
