"""Colours made stronger: what that changes, how much is fitted, and what a run keeps of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from colorization.color import LabBatch, from_uint8, rgb_to_lab
from colorization.models.baselines import score_predictors
from colorization.models.checkpoints import read_checkpoint
from colorization.models.predictor import Predictor, strengthen
from colorization.models.saturation import STRONGEST, calibrate_saturation, mean_colorfulness
from colorization.networks.resize import Upsampling
from colorization.settings.commands import Train
from colorization.training import testing as outcome
from colorization.training.colorizer import load_colorizer
from colorization.training.run import build_parts, train

MSE = {"_target_": "colorization.objectives.regression.MeanSquaredError"}
PAPER = {"_target_": "colorization.networks.paper.PaperNetwork", "activation": "tanh"}


class Careful(nn.Module):
    """Says a part of what is true: a and b are functions of L here."""

    upsampling = Upsampling(1, "nearest")

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], dim=1) * self.share * 40 / 128


def predictor(share: float) -> Predictor:
    made = Predictor(PAPER, MSE, flip_average=False)
    made.network = Careful(share)  # type: ignore[assignment]
    return made


def batches() -> list[LabBatch]:
    torch.manual_seed(0)
    lightness = [torch.rand(2, 1, 12, 12) * 60 + 20 for _ in range(3)]
    return [LabBatch(L, torch.cat([L / 50 - 1, 1 - L / 50], dim=1) * 40) for L in lightness]


def test_differences_grow_by_the_strength_and_the_mean_by_half_of_it() -> None:
    ab = torch.randn(2, 2, 5, 7) + 3
    found = strengthen(ab, 0.6)
    mean = ab.mean(dim=(2, 3))
    assert torch.allclose(found.mean(dim=(2, 3)), 1.3 * mean, atol=1e-5)
    assert torch.allclose(found.std(dim=(2, 3)), 1.6 * ab.std(dim=(2, 3)), rtol=1e-4)
    assert torch.allclose(strengthen(ab, 0), ab)


def test_what_is_too_careful_is_made_as_colourful_as_the_truth() -> None:
    model, truth = predictor(0.5), batches()
    strength = calibrate_saturation(model, truth)
    assert strength == pytest.approx(1.0, abs=0.1), "deviations doubled"
    shown = mean_colorfulness([LabBatch(L, model(L)) for L, _ in truth])
    assert shown.item() == pytest.approx(mean_colorfulness(truth).item(), rel=0.01)


def test_it_is_fitted_anew_and_has_limits() -> None:
    model, truth = predictor(0.5), batches()
    assert calibrate_saturation(model, truth) == calibrate_saturation(model, truth)
    assert calibrate_saturation(predictor(1.5), truth) < 0.01, "nothing is made paler"
    assert calibrate_saturation(predictor(0.01), truth) == pytest.approx(STRONGEST, abs=0.01)


def test_a_run_keeps_the_strength(settings: Callable[..., Train], tmp_path: Path) -> None:
    words = ["network=unet", "network.width=8", "trainer.max_epochs=2"]
    plainly = train(settings(*words), tmp_path / "plain")
    vivid = train(settings(*words, "vivid=true"), tmp_path / "vivid")
    assert vivid["val"]["loss"] == plainly["val"]["loss"]
    assert vivid["val"]["colorfulness"] > 0
    path = tmp_path / "vivid" / "checkpoints" / "best.ckpt"
    kept = read_checkpoint(path)
    assert load_colorizer(path).strength == kept["hyper_parameters"]["strength"] > 0
    assert kept["val"] == vivid["val"]
    names = ("colorfulness", "mse")
    for name in names:
        assert vivid["test"]["network"][name] != plainly["test"]["network"][name]


def test_of_a_large_val_a_sample_is_fitted_to_and_all_is_scored(
    settings: Callable[..., Train], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "VIVID_PIXELS", 3 * 16**2 - 1)
    words = ["network=unet", "network.width=8", "trainer=float32", "vivid=true"]
    words += ["dataset.train=12", "dataset.val=5", "optimizer.lr=0.01", "trainer.max_epochs=6"]
    small = settings(*words)
    found = train(small, tmp_path / "run")
    data = build_parts(small)[1]
    data.setup("fit")
    pixels = data.images["val"].pixels
    colorizer = load_colorizer(tmp_path / "run" / "checkpoints" / "best.ckpt")
    kept = colorizer.strength
    scores = score_predictors({"network": colorizer}, data.lab_batches("val"))["network"]
    assert found["val"]["colorfulness"] == pytest.approx(scores["colorfulness"])
    sample, whole = (rgb_to_lab(from_uint8(rgb)) for rgb in (pixels[[0, 3]], pixels[:]))
    assert (
        kept
        == calibrate_saturation(colorizer, [sample])
        != calibrate_saturation(colorizer, [whole])
    )
