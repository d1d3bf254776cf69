"""Fit a colorizer, then test it beside the trivial baselines: ``python -m src.train``."""

import inspect
import logging
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.loggers import TensorBoardLogger

from src import command, hardware, results
from src.baselines import fit_baselines, read_baselines, score
from src.callbacks import AtomicCheckpointIO, EpochProgress, picture_grid, save_picture
from src.checkpoints import read_checkpoint
from src.color import LabBatch
from src.colorizer import Colorizer, build_colorizer
from src.config import BASELINES_FILE, CHECKPOINTS, CONF, checked, plain, register
from src.data.cache import Cache
from src.data.datamodule import ColorDataModule
from src.data.synthetic import SyntheticScenes
from src.errors import InputError
from src.files import replacing
from src.processes import memory
from src.resume import check_resumable, resume_command
from src.schemas.commands import Train
from src.trainer import GRID_PICTURES, make_trainer
from src.vivid import STRONGEST, make_vivid

log = logging.getLogger(__name__)

BEST = Path(CHECKPOINTS, "best.ckpt")


@command.interruptible()
def train(settings: Train, folder: Path) -> dict[str, Any]:
    """Train by ``settings`` into ``folder``; returns what its ``results.json`` holds.

    Raises:
        InputError: for a setting, dataset or checkpoint that cannot be used.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; the last whole epoch is in ``last.ckpt``.
    """
    config = plain(settings)
    pl.seed_everything(settings.seed, verbose=False)
    device = hardware.choose(settings.trainer)
    colorizer, data = build_parts(settings)
    if settings.resume:
        check_resumable(settings.resume, folder, colorizer, data, settings.trainer.ema)
    else:
        colorizer.take_frozen()
    data.prepare_data()
    data.setup("fit")
    counts = {split: len(images.names) for split, images in data.images.items()}
    log.info("%s, %s; %s in %s", data.dataset.name, counts, device.accelerator, device.precision)
    warn_of_relu(colorizer, data)
    if not settings.resume:
        colorizer.start(data.lab_batches("train"))

    progress = EpochProgress()
    trainer = make_trainer(settings, device, colorizer, data, folder, progress)
    trainer.fit(colorizer, datamodule=data, ckpt_path=settings.resume, weights_only=True)
    ended_by = reason_of_end(trainer)  # testing forgets it
    best = best_checkpoint(folder)
    if settings.vivid:
        best = made_vivid(best, folder, data, device)
    found = {
        "dataset": data.dataset.name,
        **test_beside_baselines(best, trainer, data, folder, bool(settings.resume)),
        "ended_by": ended_by,
        "epochs": trainer.current_epoch,
        "minutes": progress.seconds / 60,
        "images_seen": progress.images,
        "images_per_second": progress.images_per_second,
        "parameters": colorizer.parameter_count,
        "seed": settings.seed,
        "config": config,
        "environment": results.environment(device),
    }
    results.save(found, folder)
    assert isinstance(trainer.logger, TensorBoardLogger)
    trainer.logger.log_hyperparams(config, results.flat_scores(found))
    trainer.logger.save()
    return found


def build_parts(settings: Train) -> tuple[Colorizer, ColorDataModule]:
    """What a run trains, laid out as the trainer's settings say, and what it trains on."""
    config = plain(settings)
    parts = inspect.signature(Colorizer).parameters.keys() & config.keys()
    colorizer = Colorizer(**{part: config[part] for part in parts})
    for part in colorizer.convolutional:
        hardware.prepare(part, settings.trainer)
    cache = Cache(Path(settings.data.cache), settings.data.max_memory * memory())
    data = ColorDataModule(
        config["dataset"], config["augmentation"], settings.data.batch_size, settings.seed, cache
    )
    return colorizer, data


def warn_of_relu(colorizer: Colorizer, data: ColorDataModule) -> None:
    """Log how much of the training photographs a network that ends in relu cannot colour."""
    if colorizer.hparams["network"].get("activation") != "relu":
        return
    shares = [(batch.ab < 0).float().mean(dim=(2, 3)) for batch in data.lab_batches("train")]
    a, b = torch.cat(shares).mean(dim=0).tolist()
    log.warning(
        "relu cannot give negative a or b, as %.0f%% and %.0f%% of the training pixels have",
        100 * a,
        100 * b,
    )


def best_checkpoint(folder: Path) -> dict[str, Any]:
    """The best checkpoint of a run.

    Raises:
        InputError: if the training diverged from the start.
    """
    best = read_checkpoint(folder / BEST)
    if not math.isfinite(best["val"]["mse"]):
        raise InputError("training diverged: val/mse is not finite; lower optimizer.lr")
    return best


def made_vivid(
    best: Mapping[str, Any], folder: Path, data: ColorDataModule, device: hardware.Hardware
) -> dict[str, Any]:
    """The best checkpoint with colours as strong as those of val, there and in its file."""
    colorizer = build_colorizer(best, folder / BEST).to(device.device)
    batches = [
        LabBatch(*(part.to(device.device) for part in batch)) for batch in data.lab_batches("val")
    ]
    with device.autocast():
        strength = make_vivid(colorizer, batches)
        scores = score({"network": colorizer}, batches)["network"]
    limit = ", the most there is; they are still paler than the truth"
    is_limited = strength > 0.99 * STRONGEST
    log.info("colours are made stronger by %.0f%%%s", 100 * strength, limit if is_limited else "")
    settings = dict(colorizer.hparams)
    checkpoint = {**best, "hyper_parameters": settings, "val": {**best["val"], **scores}}
    AtomicCheckpointIO().save_checkpoint(checkpoint, folder / BEST)
    return checkpoint


def test_beside_baselines(
    best: Mapping[str, Any],
    trainer: pl.Trainer,
    data: ColorDataModule,
    folder: Path,
    resumed: bool,
) -> dict[str, Any]:
    """Scores of the best checkpoint on val and test, and of the baselines on the same test."""
    colorizer = build_colorizer(best, folder / BEST)
    grid = picture_grid(colorizer, data.images["val"].pixels[:GRID_PICTURES])
    save_picture(grid, folder / "pictures" / "best.png")
    (test,) = trainer.test(colorizer, datamodule=data, verbose=False)
    saved = folder / BASELINES_FILE
    baselines = read_baselines(saved) if resumed else None
    if baselines is None:
        baselines = fit_baselines(data.lab_batches("train"))
        with replacing(saved) as beside:
            torch.save(baselines.state_dict(), beside)
    scores = score(dict(baselines.items()), data.lab_batches("test"))
    if isinstance(data.dataset, SyntheticScenes):
        scores["best possible"] = {"mse": data.dataset.best_mse("test")}
    network = {name.removeprefix("test/"): value for name, value in test.items()}
    return {
        "val": best["val"],
        "test": {**scores, "network": network},
        "best_epoch": best["epoch"] + 1,
        "images": {split: len(images.names) for split, images in data.images.items()},
        "near_gray": data.near_gray,
    }


def reason_of_end(trainer: pl.Trainer) -> str:
    """The setting that ended the training, or ``divergence``."""
    if not math.isfinite(trainer.callback_metrics.get("val/mse", 0)):
        return "divergence"
    if trainer.current_epoch >= (trainer.max_epochs or 0):
        return "max_epochs"
    assert trainer.early_stopping_callback is not None
    return "patience" if trainer.early_stopping_callback.stopped_epoch else "max_minutes"


def run_job(config: DictConfig) -> float:
    """One run, or one of a sweep; returns the validation error, which a sweep minimises."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    try:
        found = train(checked(config), folder)
    except KeyboardInterrupt:
        log.warning("stopped")
        if (folder / CHECKPOINTS / "last.ckpt").is_file():
            print("go on with:", resume_command(folder, job.overrides.task), flush=True)
        raise
    except Exception as error:
        if job.mode != RunMode.MULTIRUN:
            raise
        # A sweep's other runs stand.
        is_bug = not isinstance(error, command.BAD_INPUT)
        log.error("run failed: %s", command.one_line(error), exc_info=is_bug)
        results.save({"error": command.one_line(error)}, folder)
        return float("inf")
    results.show(found, folder)
    value: float = found["val"]["mse"]
    return value


def quieten_lightning() -> None:
    """Silence advice that does not apply: photographs are loaded in this process."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", module="pytorch_lightning.utilities._pytree")
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training")
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
def main(config: DictConfig) -> float:
    with command.one_line_errors():
        return run_job(config)


if __name__ == "__main__":
    register()
    quieten_lightning()
    command.run(main)
