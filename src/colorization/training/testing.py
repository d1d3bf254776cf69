"""Test the best checkpoint of a training beside the trivial baselines."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich import get_console

from colorization.color import LabBatch
from colorization.data.datamodule import ColorDataModule
from colorization.data.synthetic import SyntheticScenes
from colorization.files.atomic import replacing
from colorization.metrics.measures import EVERY_EPOCH, MEASURES, format_scores
from colorization.models import hardware
from colorization.models.baselines import fit_baselines, read_baselines, score_predictors
from colorization.models.checkpoints import read_checkpoint
from colorization.models.results import find_best_baseline, measure_error_removed
from colorization.models.saturation import STRONGEST, calibrate_saturation
from colorization.reports.tables import Table, print_table
from colorization.settings.run_files import BASELINES_FILE, BEST
from colorization.training.by_epoch import GRID_PICTURES, draw_grid, save_picture
from colorization.training.checkpoints import AtomicCheckpointIO
from colorization.training.colorizer import Colorizer, build_colorizer
from colorization.training.finetuning import summarize_gain

log = logging.getLogger(__name__)

FEW = 30  # test photographs: below it, a few of them decide
VIVID_PIXELS = 2**26  # of val, held at once with what is predicted: 20 bytes each


def read_best(
    folder: Path, vivid: bool, data: ColorDataModule, device: hardware.Hardware
) -> dict[str, Any]:
    """Read the best checkpoint of a run; if ``vivid``, make its colours as strong as those of val.

    The file is changed as well. The strength is fitted to all of val, or to as many photographs as
    have VIVID_PIXELS.
    """
    best = read_checkpoint(folder / BEST)
    if not vivid:
        return best

    def on_device(batches: Iterable[LabBatch]) -> Iterator[LabBatch]:
        return (LabBatch(*(part.to(device.device) for part in batch)) for batch in batches)

    colorizer = build_colorizer(best, folder / BEST).to(device.device)
    sample = data.lab_batches("val", max(1, VIVID_PIXELS // data.dataset.size**2))
    with device.autocast():
        strength = calibrate_saturation(colorizer, list(on_device(sample)))
        val = on_device(data.lab_batches("val"))
        scores = score_predictors({"network": colorizer}, val)["network"]
    limit = ", the most there is; they are still paler than the truth"
    is_limited = strength > 0.99 * STRONGEST
    log.info("colours are made stronger by %.0f%%%s", 100 * strength, limit if is_limited else "")
    settings = dict(colorizer.hparams)
    best = {**best, "hyper_parameters": settings, "val": {**best["val"], **scores}}
    AtomicCheckpointIO().save_checkpoint(best, folder / BEST)
    return best


def score_baselines(data: ColorDataModule, folder: Path, resumed: bool) -> dict[str, Any]:
    """Score the baselines on test; a run that was resumed may have fitted them already.

    Rendered scenes have a best possible score, too.
    """
    saved = folder / BASELINES_FILE
    baselines = read_baselines(saved) if resumed else None
    if baselines is None:
        baselines = fit_baselines(data.lab_batches("train"))
        with replacing(saved) as beside:
            torch.save(baselines.state_dict(), beside)
    scores = score_predictors(dict(baselines.items()), data.lab_batches("test"))
    if isinstance(data.dataset, SyntheticScenes):
        scores["best possible"] = {"mse": data.dataset.best_mse("test")}
    return scores


def collect_scores(
    best: Mapping[str, Any],
    colorizer: Colorizer,
    test: Mapping[str, float],
    data: ColorDataModule,
    folder: Path,
    resumed: bool,
) -> dict[str, Any]:
    """Draw pictures by the best checkpoint; return its scores on val and test, and the baselines'.

    Args:
        test: the checkpoint's scores on test, as Lightning names them.
    """
    grid = draw_grid(colorizer, data.images["val"].pixels[:GRID_PICTURES])
    save_picture(grid, folder / "pictures" / "best.png")
    baselines = score_baselines(data, folder, resumed)
    network = {name.removeprefix("test/"): value for name, value in test.items()}
    return {
        "val": best["val"],
        "test": {**baselines, "network": network},
        "best_epoch": best["epoch"] + 1,
        "images": {split: len(images.names) for split, images in data.images.items()},
        "near_gray": data.near_gray,
    }


def find_reason_of_end(trainer: pl.Trainer) -> str:
    """Return the name of the setting that ended the training."""
    if trainer.current_epoch >= (trainer.max_epochs or 0):
        return "max_epochs"
    assert trainer.early_stopping_callback is not None
    return "patience" if trainer.early_stopping_callback.stopped_epoch else "max_minutes"


def summarize_scores(found: Mapping[str, Any]) -> str:
    """Say in a sentence what the network is worth beside the best baseline."""
    share, baseline = measure_error_removed(found), find_best_baseline(found)
    count = found["images"]["test"]
    few = f" On {count} test photographs, that may be chance." if count < FEW else ""
    if share > 0:
        said = f"The network removes {share:.1%} of the error of the best baseline, {baseline}."
    else:
        times = f"{1 - share:.2f} times its error"
        said = f"The network does NOT beat the best baseline, {baseline}: it has {times}."
    return said + few


def print_scores(found: Mapping[str, Any], folder: Path) -> None:
    """Print the network beside the baselines, the summary, and where the run lies."""
    title = f"{found['dataset']}: {found['images']['test']} test photographs"
    header = ["predictor", *(MEASURES[metric].label for metric in EVERY_EPOCH)]
    rows = [[name, *format_scores(scores)] for name, scores in found["test"].items()]
    print_table(Table(title, header, rows, ["network"]))
    console = get_console()
    console.print(summarize_scores(found), highlight=False)
    if found["base"]:
        console.print(summarize_gain(found["base"], found["val"]), highlight=False)
    console.print(f"run folder: {folder}", soft_wrap=True, highlight=False, markup=False)
