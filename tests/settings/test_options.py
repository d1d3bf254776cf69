"""What a user does with a model, for every piece that one can be put together of."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from colorization import PhotoColorizer
from colorization.evaluation.run import evaluate
from colorization.models.backends import OnnxModel
from colorization.models.bundle import read_model
from colorization.models.export import export_model
from colorization.settings.commands import Evaluate, Train
from colorization.training.colorizer import load_colorizer
from colorization.training.run import train
from tests.models.test_bundle import settings as export_settings

SMALL_UNET = ("network=unet", "network.width=8")
EVERYTHING = (
    *SMALL_UNET,
    "encoder=efficientnet_lite0",
    "objective=bins",
    "amplifier=residual",
    "perceptual=features",
    "adversary=patch",
    "adversary.begin=0.5",
    "trainer.ema=0.5",
    "flip_average=true",
    "vivid=true",
)
OPTIONS = {
    "fusion": ("network=fusion", "objective=bins"),
    "amplifier": (*SMALL_UNET, "amplifier=residual"),
    "perceptual": (*SMALL_UNET, "perceptual=features"),
    "adversary": (*SMALL_UNET, "adversary=patch", "adversary.begin=0"),
    "vivid": (*SMALL_UNET, "vivid=true"),
    "everything": EVERYTHING,
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_trains_saves_evaluates_colours_and_exports(
    settings: Callable[..., Train],
    asked: Callable[..., Evaluate],
    tmp_path: Path,
    option: str,
) -> None:
    chosen = settings(*OPTIONS[option])  # one epoch of two steps
    results = train(chosen, tmp_path / "run")
    assert results["epochs"] == 1
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"

    found = evaluate(asked(checkpoint, "datasets=[synthetic]", "tracks=own"), tmp_path / "scores")
    (track,) = found["datasets"]["synthetic"]["tracks"].values()
    (label,) = found["checkpoints"]
    scored = track["scores"][label]["mse"]["mean"]
    # An evaluation predicts in bfloat16 too, in other batches.
    assert scored == pytest.approx(results["test"]["network"]["mse"], rel=0.02)

    gray = Image.fromarray(np.arange(60 * 80, dtype=np.uint32).reshape(60, 80).astype(np.uint8))
    colored = PhotoColorizer.load(str(checkpoint), size=48).colorize(gray)
    assert (colored.size, colored.mode) == (gray.size, "RGB")

    L = torch.rand(2, 1, 51, 64) * 100
    with torch.inference_mode():
        expected = load_colorizer(checkpoint)(L)
        words = [f"checkpoint={checkpoint}", "precision=single"]
        bundle = export_model(**export_settings(*words))
        assert torch.allclose(read_model(str(bundle)).predictor(L), expected, atol=1e-4)
    about = json.loads((bundle / "model.json").read_text())
    assert "best.ckpt" not in json.dumps(about)
    export_model(**export_settings(*words, "format=onnx_rgb"))  # which compares it with PyTorch
    graph = export_model(**export_settings(*words, "format=onnx"))
    onnx.checker.check_model(graph)
    assert OnnxModel(graph).predict(L.numpy()) == pytest.approx(expected.numpy(), abs=0.05)
