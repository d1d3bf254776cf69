"""What a training has come to: its best checkpoint, tested beside the trivial baselines."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from colorization.color import LabBatch
from colorization.data.datamodule import ColorDataModule
from colorization.data.synthetic import SyntheticScenes
from colorization.files.atomic import replacing
from colorization.models import hardware
from colorization.models.baselines import fit_baselines, read_baselines, score
from colorization.models.checkpoints import read_checkpoint
from colorization.models.saturation import STRONGEST, make_vivid
from colorization.settings.compose import BASELINES_FILE, CHECKPOINTS
from colorization.training.callbacks import GRID_PICTURES, picture_grid, save_picture
from colorization.training.checkpoints import AtomicCheckpointIO
from colorization.training.colorizer import Colorizer, build_colorizer

log = logging.getLogger(__name__)

BEST = Path(CHECKPOINTS, "best.ckpt")
VIVID_PIXELS = 2**26  # of val, held at once with what is predicted: 20 bytes each


def chosen(
    folder: Path, vivid: bool, data: ColorDataModule, device: hardware.Hardware
) -> dict[str, Any]:
    """The best checkpoint of a run, made vivid if asked for."""
    best = read_checkpoint(folder / BEST)
    return made_vivid(best, folder, data, device) if vivid else best


def made_vivid(
    best: Mapping[str, Any], folder: Path, data: ColorDataModule, device: hardware.Hardware
) -> dict[str, Any]:
    """The best checkpoint with colours as strong as those of val, there and in its file.

    They are fitted to all of val, or to as many of its photographs as have VIVID_PIXELS.
    """
    colorizer = build_colorizer(best, folder / BEST).to(device.device)
    sample = data.lab_batches("val", max(1, VIVID_PIXELS // data.dataset.size**2))
    with device.autocast():
        strength = make_vivid(colorizer, list(on_device(sample, device)))
        val = on_device(data.lab_batches("val"), device)
        scores = score({"network": colorizer}, val)["network"]
    limit = ", the most there is; they are still paler than the truth"
    is_limited = strength > 0.99 * STRONGEST
    log.info("colours are made stronger by %.0f%%%s", 100 * strength, limit if is_limited else "")
    settings = dict(colorizer.hparams)
    checkpoint = {**best, "hyper_parameters": settings, "val": {**best["val"], **scores}}
    AtomicCheckpointIO().save_checkpoint(checkpoint, folder / BEST)
    return checkpoint


def on_device(batches: Iterable[LabBatch], device: hardware.Hardware) -> Iterator[LabBatch]:
    return (LabBatch(*(part.to(device.device) for part in batch)) for batch in batches)


def beside_baselines(
    best: Mapping[str, Any],
    colorizer: Colorizer,
    test: Mapping[str, float],
    data: ColorDataModule,
    folder: Path,
    resumed: bool,
) -> dict[str, Any]:
    """Scores of the best checkpoint on val and ``test``, and of the baselines on the same test."""
    grid = picture_grid(colorizer, data.images["val"].pixels[:GRID_PICTURES])
    save_picture(grid, folder / "pictures" / "best.png")
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
    """The setting that ended the training."""
    if trainer.current_epoch >= (trainer.max_epochs or 0):
        return "max_epochs"
    assert trainer.early_stopping_callback is not None
    return "patience" if trainer.early_stopping_callback.stopped_epoch else "max_minutes"
