"""What theory says of objectives, on rendered scenes whose best possible error is known."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from torch import Tensor

from colorization.data.synthetic import MATERIALS, NAMES, SyntheticScenes
from colorization.objectives.bins import ColorBins
from colorization.settings.compose import CONF, parse_config, register
from colorization.training.colorizer import Colorizer, load_colorizer
from colorization.training.run import train

pytestmark = pytest.mark.slow

SCENES = 64
EDGE = 2  # px
RECIPE = [
    "network=unet",
    "network.width=16",
    "augmentation=flip",
    "dataset.train=8192",  # fewer would be learned by heart
    "optimizer.lr=2e-3",
    "trainer=cpu",
    "trainer.max_epochs=4",
    "trainer.ema=0.99",
]
FUR = [torch.tensor(color, dtype=torch.float32) for color in MATERIALS["fur"].colors]
Trained = Callable[..., Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train by the recipe with more settings; returns the run's folder."""
    register()

    def run(*overrides: str) -> Path:
        folder = tmp_path_factory.mktemp("run")
        with initialize_config_dir(CONF, version_base="1.3"):
            settings = parse_config(compose("train", [*RECIPE, *overrides]))
        train(settings, folder)
        return folder

    return run


@torch.inference_mode()
def fur_of(colorizer: Colorizer) -> list[Tensor]:
    """Predicted ab (P,2) of the fur of each test scene, EDGE px away from other materials.

    Output at half the resolution mixes the colours of two materials where they meet.
    """
    dataset = SyntheticScenes("synthetic", 64, 1, 1, SCENES, 0)
    found = []
    for index in range(SCENES):
        L, _, materials = dataset.scene("test", index)
        ab = colorizer(L)[0]
        others = (materials != NAMES.index("fur")).float()[None]
        near_others = F.max_pool2d(others, 2 * EDGE + 1, stride=1, padding=EDGE)[0] > 0
        found.append(ab[:, ~near_others].T)
    return found


def near_either(ab: Tensor) -> float:
    """Share of colours (P,2) within a quarter of the way between fur's two of one of them."""
    reach = (FUR[0] - FUR[1]).norm() / 4
    distance = torch.stack([(ab - color).norm(dim=1) for color in FUR]).min(dim=0).values
    return (distance < reach).float().mean().item()


def weight_of(color: Tensor, objective: ColorBins) -> float:
    """What a colour (2,) counts in the loss, over the bins that it is spread over."""
    bins, shares = objective.encode(color[None, :, None, None])
    return (objective.weights[bins] * shares).sum().item()


def test_regression_answers_with_the_mean_and_comes_near_the_best_error(trained: Trained) -> None:
    folder = trained()
    colorizer = load_colorizer(folder / "checkpoints" / "best.ckpt")
    fur = torch.cat(fur_of(colorizer))
    middle = (FUR[0] + FUR[1]) / 2
    assert (fur.mean(dim=0) - middle).norm() < 0.1 * (FUR[0] - FUR[1]).norm()
    assert near_either(fur) < 0.1
    scores = json.loads((folder / "results.json").read_text())["test"]
    assert scores["network"]["mse"] < 1.15 * scores["best possible"]["mse"]
    assert scores["network"]["mse"] > 0.9 * scores["best possible"]["mse"]


def test_bins_at_a_low_temperature_answer_with_one_of_two_colours(trained: Trained) -> None:
    folder = trained("objective=bins", "objective.temperature=0.1")
    colorizer = load_colorizer(folder / "checkpoints" / "best.ckpt")
    assert isinstance(colorizer.objective, ColorBins)
    fur = fur_of(colorizer)
    assert near_either(torch.cat(fur)) > 0.9
    # L does not tell which, and both are as frequent: the one that weighs more as it is rarer.
    weights = [weight_of(color, colorizer.objective) for color in FUR]
    expected = weights.index(max(weights))
    distances = [[(ab.mean(dim=0) - color).norm().item() for color in FUR] for ab in fur]
    assert {pair.index(min(pair)) for pair in distances} == {expected}
    colorizer.objective.temperature = 1.0
    assert near_either(torch.cat(fur_of(colorizer))) < 0.1, "the mean lies between them"
