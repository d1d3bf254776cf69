"""The same colours and a whole run on a CUDA device."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from colorization.color import lab_to_rgb, rgb_to_lab
from colorization.settings.commands import Train
from colorization.training.run import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_conversions_agree_with_the_cpu() -> None:
    rgb = torch.rand(2, 3, 32, 32)
    here, there = rgb_to_lab(rgb), rgb_to_lab(rgb.cuda())
    assert (here.ab - there.ab.cpu()).abs().max() < 1e-3
    assert (lab_to_rgb(*here) - lab_to_rgb(*there).cpu()).abs().max() < 1e-4


def test_auto_trains_there(settings: Callable[..., Train], tmp_path: Path) -> None:
    results = train(settings("trainer=auto"), tmp_path)
    assert results["environment"]["accelerator"] == "gpu"
    assert 0 < results["test"]["network"]["mse"] < 1
