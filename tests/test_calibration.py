"""Calibration: the closed form against a search, and what a run keeps of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from src.calibration import STRONGEST, calibrate, mean_colorfulness
from src.checkpoints import read_checkpoint
from src.color import LabBatch
from src.colorizer import Colorizer, load_colorizer
from src.config import plain
from src.networks.sizes import Upsampling
from src.objectives.bins import ColorBins
from src.predictor import Predictor, with_contrast
from src.schemas.commands import Train
from src.train import train

MSE = {"_target_": "src.objectives.regression.MeanSquaredError"}
PAPER = {"_target_": "src.networks.paper.PaperNetwork", "activation": "tanh"}


class Careful(nn.Module):
    """Says a part of what is true: a and b are functions of L here."""

    upsampling = Upsampling(1, "nearest")

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], dim=1) * self.share


def predictor(share: float) -> Predictor:
    made = Predictor(PAPER, MSE, flip_average=False)
    made.network = Careful(share)  # type: ignore[assignment]
    return made


def batches() -> list[LabBatch]:
    torch.manual_seed(0)
    found = []
    for _ in range(3):
        L = torch.rand(2, 1, 12, 12) * 100
        found.append(LabBatch(L, torch.cat([L / 50 - 1, 1 - L / 50], dim=1) * 40))
    return found


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_what_is_too_careful_is_made_as_strong_as_the_truth(share: float) -> None:
    found = calibrate(model := predictor(share), batches(), "mse")
    assert found.temperature is None
    assert found.saturation == pytest.approx(40 / (128 * share), rel=1e-4)
    L, truth = batches()[0]
    assert torch.allclose(model(L), truth, atol=1e-3)


def test_the_closed_form_is_the_least_of_a_search() -> None:
    noisy = [LabBatch(L, ab + torch.randn_like(ab) * 20) for L, ab in batches()]
    model = predictor(0.2)
    found = calibrate(model, noisy, "mse").saturation

    def error(factor: float) -> float:
        model.saturation = factor
        return sum((model(L) - ab).square().sum().item() for L, ab in noisy)

    nearby = torch.linspace(0.9 * found, 1.1 * found, 21).tolist()
    assert min(nearby, key=error) == pytest.approx(found, rel=1e-6)


def test_as_colourful_as_the_truth() -> None:
    noisy = [LabBatch(L, ab + torch.randn_like(ab) * 20) for L, ab in batches()]
    model = predictor(0.2)
    vivid = calibrate(model, noisy, "colorfulness")
    shown = mean_colorfulness([LabBatch(L, model(L)) for L, _ in noisy])
    assert shown.item() == pytest.approx(0.97 * mean_colorfulness(noisy).item(), rel=0.01)
    careful = calibrate(model, noisy, "mse")
    assert vivid.saturation == careful.saturation
    assert vivid.contrast > careful.contrast == 1


def test_gray_stays_gray_and_no_colour_is_made_without_limit() -> None:
    assert calibrate(predictor(0.0), batches(), "mse").saturation == 1
    assert calibrate(predictor(1e-4), batches(), "mse").saturation == STRONGEST


def test_the_best_temperature_is_found(settings: Callable[..., Train]) -> None:
    config = plain(settings("network=unet", "network.width=8", "objective=bins"))
    model = Predictor(config["network"], config["objective"], flip_average=False)
    assert isinstance(model.objective, ColorBins)
    green, red = (-60.0, 40.0), (60.0, 40.0)

    class Torn(nn.Module):
        """Three parts of four for green, the others for red."""

        upsampling = Upsampling(1, "nearest")

        def forward(self, x: Tensor) -> Tensor:
            centers = model.objective.centers.tolist()
            raw = torch.full((len(x), len(centers), *x.shape[-2:]), -40.0)
            raw[:, centers.index(list(green))] = torch.tensor(0.75).log()
            raw[:, centers.index(list(red))] = torch.tensor(0.25).log()
            return raw

    model.network = Torn()  # type: ignore[assignment]
    L = torch.full((1, 1, 4, 4), 50.0)

    def all_of(color: tuple[float, float]) -> LabBatch:
        return LabBatch(L, torch.tensor(color).view(1, 2, 1, 1).expand(1, 2, 4, 4))

    mixed = [all_of(green)] * 3 + [all_of(red)]
    assert calibrate(model, mixed, "mse").temperature == 1, "the mean is best for what is torn"
    assert calibrate(model, [all_of(green)], "mse").temperature == 0.3, "the mode for what is sure"


def test_a_run_keeps_what_was_fitted(settings: Callable[..., Train], tmp_path: Path) -> None:
    words = ["network=unet", "network.width=8", "objective=bins", "trainer.max_epochs=2"]
    plainly = train(settings(*words), tmp_path / "plain")
    fitted = train(settings(*words, "calibrate=mse"), tmp_path / "fitted")
    assert fitted["val"]["mse"] <= plainly["val"]["mse"]
    assert fitted["val"]["loss"] == plainly["val"]["loss"]
    path = tmp_path / "fitted" / "checkpoints" / "best.ckpt"
    kept = read_checkpoint(path)
    colorizer = load_colorizer(path)
    assert isinstance(colorizer, Colorizer)
    assert colorizer.saturation == kept["hyper_parameters"]["saturation"] != 1
    assert kept["val"] == fitted["val"]
    assert fitted["test"]["network"]["mse"] != plainly["test"]["network"]["mse"]


def test_contrast_leaves_the_mean_colour_as_it_is() -> None:
    ab = torch.randn(2, 2, 5, 7) + 3
    found = with_contrast(ab, 2.5)
    assert torch.allclose(found.mean(dim=(2, 3)), ab.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(found.std(dim=(2, 3)), 2.5 * ab.std(dim=(2, 3)), rtol=1e-4)
    L = torch.rand(1, 1, 12, 12) * 100
    model = predictor(0.2)
    plainly = model(L)
    model.decode_otherwise(contrast=2.0, saturation=1.5)
    assert torch.allclose(model(L), 1.5 * with_contrast(plainly, 2.0))
