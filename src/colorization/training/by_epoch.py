"""What is drawn and scored every so many epochs: pictures, and a curve of test errors."""

from pathlib import Path

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from torchvision.utils import make_grid

from colorization.color import LabBatch, from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.data.datamodule import ColorDataModule
from colorization.files.atomic import replacing
from colorization.metrics.mse import ab_mse
from colorization.training.colorizer import Colorizer

GRID_PICTURES = 8
CURVE = "test_by_epoch/mse"


def is_due(epoch: int, every: int) -> bool:
    """Tell whether something is done after an epoch, from 1: the first, and every so many."""
    return epoch == 1 or epoch % every == 0


class TestCurve(Callback):
    """Log the squared error on test photographs to TensorBoard, for a curve: nothing sees it.

    Args:
        data: has the photographs.
        every: epochs between scores, beside those of the first epoch and the last.
    """

    __test__ = False  # pytest takes it for a test

    def __init__(self, data: ColorDataModule, every: int) -> None:
        self.data = data
        self.every = every
        self.batches: list[LabBatch] = []

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.data.setup("test")
        device = pl_module.device
        self.batches = [
            LabBatch(batch.L.to(device), batch.ab.to(device))
            for batch in self.data.lab_batches("test")
        ]

    @rank_zero_only
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if not (is_due(epoch, self.every) or epoch == trainer.max_epochs):
            return
        assert isinstance(trainer.logger, TensorBoardLogger)
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            errors = torch.cat([ab_mse(pl_module(b.L), b.ab) for b in self.batches])
        step = trainer.global_step - 1  # as Lightning counts it for validation
        trainer.logger.experiment.add_scalar(CURVE, errors.mean(), step)

    def on_fit_end(self, *_: object) -> None:
        self.batches = []


class PictureGrid(Callback):
    """Draw gray, predicted and true rows of some validation photographs: a PNG, and TensorBoard.

    Args:
        data: has the photographs, at the latest when training begins.
        folder: of the PNGs.
        every: epochs between grids, beside that of the first epoch.
    """

    def __init__(self, data: ColorDataModule, folder: Path, every: int) -> None:
        self.data = data
        self.folder = folder
        self.every = every

    @rank_zero_only
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if not is_due(epoch, self.every):
            return
        assert isinstance(pl_module, Colorizer)
        grid = draw_grid(pl_module, self.data.images["val"].pixels[:GRID_PICTURES])
        save_picture(grid, self.folder / f"epoch_{epoch:04d}.png")
        if isinstance(trainer.logger, TensorBoardLogger):
            trainer.logger.experiment.add_image("val/pictures", grid, trainer.global_step)


@torch.no_grad()
def draw_grid(colorizer: Colorizer, pictures: Tensor) -> Tensor:
    """Draw uint8 (N,3,S,S) as three rows, gray, predicted and true: one uint8 (3,H,W)."""
    truth = rgb_to_lab(from_uint8(pictures.to(colorizer.device)))
    gray = lab_to_rgb(truth.L, torch.zeros_like(truth.ab))
    predicted = lab_to_rgb(truth.L, colorizer(truth.L))
    rows = torch.cat([to_uint8(gray), to_uint8(predicted), pictures.to(colorizer.device)])
    grid: Tensor = make_grid(rows, nrow=len(pictures), padding=2, pad_value=255)
    return grid.cpu()


def save_picture(rgb: Tensor, path: Path) -> None:
    """Save uint8 sRGB (3,H,W) as PNG."""
    with replacing(path) as beside:
        Image.fromarray(rgb.permute(1, 2, 0).contiguous().numpy()).save(beside, format="PNG")
