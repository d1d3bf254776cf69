"""Pictures that models made score as the models do; foreign networks are run as described."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.errors import InputError
from colorization.evaluation.foreign import ForeignModel, read_signature
from colorization.evaluation.run import evaluate
from colorization.evaluation.run_folders import FolderSettings, score_folders
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.settings.commands import Evaluate

OF_RGB = ("psnr", "ssim", "rgb_absolute", "colorfulness", "colorfulness_error")


def test_pictures_of_a_model_score_as_the_model_does(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    photographs: Path,
    tmp_path: Path,
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, saturation in ((one, 1.0), (two, 3.0)):
        colorizer = PhotoColorizer.load(
            str(checkpoint), device="cpu", precision="32-true", saturation=saturation
        )
        for path in photographs.rglob("*.png"):
            target = folder / path.relative_to(photographs)
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(colorizer.colorize(np.asarray(Image.open(path)))).save(target)
    own = evaluate(
        asked(checkpoint, f"datasets=[{photographs}]", "tracks=[native]", "precision=32-true"),
        tmp_path / "own",
    )
    (dataset,) = own["datasets"].values()
    (label,) = own["checkpoints"]
    theirs = dataset["tracks"]["native"]["scores"]
    words = [f"one={one}", f"two={two}"]
    found, _ = score_folders(
        FolderSettings(words, photographs, "as_is", tmp_path / "r", None, None, [], None, [])
    )
    ours = found["tables"][0]["scores"]
    for metric in OF_RGB:
        for bound in ("mean", "low", "high"):
            assert ours["one"][metric][bound] == pytest.approx(
                theirs[label][metric][bound], abs=1e-6
            )
    # Gray is painted there from 16 bits of lightness, here from floating point.
    assert ours["gray"]["psnr"]["mean"] == pytest.approx(theirs["gray"]["psnr"]["mean"], rel=1e-3)
    # What is of ab differs by the rounding to 8 bits and the clipping to sRGB.
    assert ours["one"]["mse"]["mean"] == pytest.approx(theirs[label]["mse"]["mean"], rel=0.03)
    assert ours["two"]["psnr"]["mean"] != ours["one"]["psnr"]["mean"]


def make_network(path: Path, channels: int, factors: list[list[float]]) -> None:
    """Save a network whose outputs are linear in its input's channels."""
    weight = np.array(factors, np.float32)[:, :, None, None]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["output"])],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, channels, None, None])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, len(factors), None, None])],
        [helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


@pytest.fixture
def gray() -> torch.Tensor:
    ramp = torch.arange(32, dtype=torch.uint8) * 7
    return ramp.expand(1, 3, 24, 32).contiguous()


def test_network_of_ab_keeps_lightness(tmp_path: Path, gray: torch.Tensor) -> None:
    path = tmp_path / "ab.onnx"
    make_network(path, 3, [[20, 0, 0], [0, -10, 0]])
    L = rgb_to_lab(from_uint8(gray)).L
    found = ForeignModel(path, "ddcolor")(L, gray)
    value = from_uint8(gray)[:, :1]
    expected = to_uint8(lab_to_rgb(L, torch.cat([20 * value, -10 * value], dim=1)))
    assert (found.int() - expected.int()).abs().max() <= 2  # through 512 px and back


def test_network_of_rgb_has_its_range(tmp_path: Path, gray: torch.Tensor) -> None:
    path = tmp_path / "rgb.onnx"
    make_network(path, 1, [[1.0], [0.5], [0.0]])
    signature = tmp_path / "rgb.yaml"
    signature.write_text("{takes: gray, low: -1, high: 1, gives: rgb, scale: 0.5, offset: 0.5}")
    found = ForeignModel(path, str(signature))(rgb_to_lab(from_uint8(gray)).L, gray)
    value = from_uint8(gray)[:, 0]
    assert torch.equal(found[:, 0], gray[:, 0])
    assert torch.equal(found[:, 1], to_uint8(value * 0.5 + 0.25))
    assert (found[:, 2] == 128).all()


def test_signature_beside_a_file_is_taken(photographs: Path, tmp_path: Path) -> None:
    make_network(tmp_path / "theirs.onnx", 1, [[0.3], [0.2]])
    (tmp_path / "theirs.yaml").write_text("{takes: L, low: 0, high: 100, gives: ab}")
    words = [f"same={photographs}"]
    model = [str(tmp_path / "theirs.onnx")]
    found, _ = score_folders(
        FolderSettings(words, photographs, "as_is", tmp_path / "r", None, None, model, None, [])
    )
    scores: dict[str, Any] = found["tables"][0]["scores"]
    assert list(scores) == ["gray", "best constant", "model theirs", "same"]
    assert scores["model theirs"]["colorfulness"]["mean"] > 5
    assert scores["same"]["mse"]["mean"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{takes: L}", "needs takes and gives"),
        ("{takes: Lab, gives: ab}", "takes must be one of L, gray, gray_rgb"),
        ("{takes: L, gives: ab, scale: big}", "scale must be a number"),
        ("{takes: L, gives: rgb}", r"gives \(1, 2, 24, 32\); its signature says \(1,3,H,W\)"),
        ("{takes: gray_rgb, gives: ab}", "cannot be run"),
        ("{takes: L, gives: ab, output: colour}", "has no output colour; it has output"),
    ],
)
def test_wrong_signatures_are_refused(
    tmp_path: Path, gray: torch.Tensor, text: str, message: str
) -> None:
    make_network(tmp_path / "x.onnx", 1, [[0.3], [0.2]])
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        ForeignModel(tmp_path / "x.onnx", str(tmp_path / "x.yaml"))(
            rgb_to_lab(from_uint8(gray)).L, gray
        )


def test_signatures_that_ship_are_read() -> None:
    assert read_signature("ddcolor").size == 512
    assert read_signature("ours").takes == "L"
    with pytest.raises(InputError, match="no signature nonsense; known: ddcolor, ours"):
        read_signature("nonsense")
