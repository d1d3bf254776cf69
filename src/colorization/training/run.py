"""Fit a colorizer, then test it beside the trivial baselines."""

import inspect
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from colorization.data.cache import Cache
from colorization.data.datamodule import ColorDataModule
from colorization.errors import interruptible
from colorization.files.atomic import remove_half_written, write_text
from colorization.models import hardware
from colorization.models.results import describe_environment, flatten_scores, save_results
from colorization.reports.progress import telling
from colorization.settings.commands import Train
from colorization.settings.compose import to_dict
from colorization.settings.installation import read_commit
from colorization.settings.machine import memory
from colorization.settings.run_files import BEST
from colorization.training.callbacks import EpochProgress
from colorization.training.checkpoints import PHOTOGRAPHS, check_photographs, check_resumable
from colorization.training.colorizer import Colorizer, build_colorizer
from colorization.training.distributed import in_step, join_processes, run_on_first
from colorization.training.finetuning import begin_with, score_before
from colorization.training.testing import collect_scores, find_reason_of_end, read_best
from colorization.training.trainer import make_trainer

log = logging.getLogger(__name__)

STARTING = 2_000  # photographs whose colours a network starts at, at most


@interruptible()
def train(settings: Train, folder: Path, watchers: Sequence[Callback] = ()) -> dict[str, Any]:
    """Train by ``settings`` into ``folder``.

    Args:
        watchers: more callbacks for Lightning.

    Returns:
        The contents of ``results.json``; nothing in a process that is not the first of several.

    Raises:
        InputError: for a setting, dataset or checkpoint that cannot be used, or a loss that is not
            finite; the checkpoints before it are kept.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; ``last.ckpt`` has the last whole epoch.
    """
    config = to_dict(settings)
    pl.seed_everything(settings.seed, verbose=False)
    device = hardware.choose(settings.trainer)
    code = read_commit()  # now: it may be another one when the training ends
    colorizer, data = build_parts(settings)
    steps_done = 0
    if settings.resume:
        ema = settings.trainer.ema
        steps_done = check_resumable(
            settings.resume, folder, colorizer, data, ema, settings.finetune
        )
    progress = EpochProgress()
    trainer = make_trainer(
        settings, device, colorizer, data, folder, progress, watchers, steps_done
    )
    with join_processes(trainer), telling(lambda: name_phase(trainer)):
        on = hardware.describe(device, settings.trainer.precision)
        log.info("%s: training on %s", data.dataset.name, on)
        if trainer.is_global_zero:
            remove_half_written(folder)
        make_ready(colorizer, data, trainer, folder, bool(settings.resume))
        trainer.fit(colorizer, datamodule=data, ckpt_path=settings.resume, weights_only=True)
        ended_by = find_reason_of_end(trainer)  # testing forgets it
        best = run_on_first(trainer, lambda: read_best(folder, settings.vivid, data, device))
        with in_step(trainer):
            data.setup("test")
        network = build_colorizer(best, folder / BEST)
        with telling(lambda: "testing the best checkpoint"):
            (test,) = trainer.test(network, datamodule=data, verbose=False)
    if not trainer.is_global_zero:
        return {}
    found = {
        "dataset": data.dataset.name,
        **collect_scores(best, network, test, data, folder, bool(settings.resume)),
        "base": colorizer.base and {name: colorizer.base[name] for name in ("name", "val")},
        "ended_by": ended_by,
        "epochs": progress.epochs or trainer.current_epoch,  # older checkpoints lack it
        "minutes": progress.seconds / 60,
        "images_seen": progress.images,
        "images_per_second": progress.images_per_second,
        "parameters": colorizer.parameter_count,
        "seed": settings.seed,
        "config": config,
        "environment": describe_environment(device),
        "commit": code,
        "data": data.fingerprints(),
    }
    log_final_scores(found, trainer)
    save_results(found, folder)  # the last thing that can fail
    return found


def build_parts(settings: Train) -> tuple[Colorizer, ColorDataModule]:
    """Build the network to train, laid out as the trainer's settings say, and its data."""
    config = to_dict(settings)
    parts = inspect.signature(Colorizer).parameters.keys() & config.keys()
    colorizer = Colorizer(**{part: config[part] for part in parts})
    if settings.finetune and not settings.resume:
        begin_with(colorizer, settings.finetune)
    for part in colorizer.convolutional:
        hardware.prepare(part, settings.trainer)
    cache = Cache(Path(settings.data.cache), settings.data.max_memory * memory())
    data = ColorDataModule(
        config["dataset"], config["augmentation"], settings.data.batch_size, settings.seed, cache
    )
    return colorizer, data


def make_ready(
    colorizer: Colorizer,
    data: ColorDataModule,
    trainer: pl.Trainer,
    folder: Path,
    resumed: bool,
) -> None:
    """Fetch and read the photographs in all processes, and set the network's start by them.

    Raises:
        InputError: for a run that is resumed with other photographs, or for photographs that
            cannot be read.
    """
    with in_step(trainer):
        if trainer.local_rank == 0:
            data.prepare_data()
    with in_step(trainer):
        data.setup("fit")
        listing = data.listing()
        if resumed:
            check_photographs(folder, listing)
        log_plan(data, trainer)
        warn_of_relu(colorizer, data)
        if not resumed:
            colorizer.start(data.lab_batches("train", STARTING))
            if colorizer.base:
                score_before(colorizer, data, trainer)
        if trainer.is_global_zero:
            write_text(json.dumps(listing), folder / PHOTOGRAPHS)


def name_phase(trainer: pl.Trainer) -> str:
    """Say what is done before and after the epochs, which are told in more detail."""
    if trainer.training or trainer.validating:
        return ""
    return "ending the run" if trainer.global_step else "getting ready to train"


def log_plan(data: ColorDataModule, trainer: pl.Trainer) -> None:
    """Say how many photographs and steps a training has, before its slower preparations."""
    counts = ", ".join(f"{len(images.names):,} {split}" for split, images in data.images.items())
    epochs, steps = trainer.max_epochs or 0, len(data.share_out())
    processes = f", in {trainer.world_size} processes" if trainer.world_size > 1 else ""
    log.info(
        "photographs: %s; at most %s steps: %s epochs of %s steps of %s photographs%s",
        *(counts, f"{epochs * steps:,}", f"{epochs:,}", f"{steps:,}", data.batch_size, processes),
    )


def warn_of_relu(colorizer: Colorizer, data: ColorDataModule) -> None:
    """Warn how many training pixels a network that ends in relu cannot colour."""
    if colorizer.hparams["network"].get("activation") != "relu":
        return
    shares = [(batch.ab < 0).float().mean(dim=(2, 3)) for batch in data.lab_batches("train")]
    a, b = torch.cat(shares).mean(dim=0).tolist()
    log.warning(
        "relu cannot give negative a or b; a is negative in %.0f%% of the training pixels, b in "
        "%.0f%%: use network.activation=tanh",
        *(100 * a, 100 * b),
    )


def log_final_scores(found: Mapping[str, Any], trainer: pl.Trainer) -> None:
    """Put a run's settings and scores into TensorBoard's hyperparameter tab."""
    assert isinstance(trainer.logger, TensorBoardLogger)
    trainer.logger.log_hyperparams(found["config"], flatten_scores(found))
    trainer.logger.save()


def quieten_lightning() -> None:
    """Silence advice that does not apply: photographs are loaded in this process."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric.utilities.distributed").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", module="pytorch_lightning.utilities._pytree")
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training")
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
