"""Pictures that models made score as the models do; foreign networks are run as described."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.color import lab2rgb, rgb2lab
from skimage.transform import resize

from colorization.cli.main import run_command
from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.errors import InputError
from colorization.evaluation.foreign import ForeignModel, read_signature
from colorization.evaluation.run import evaluate
from colorization.evaluation.run_folders import FolderSettings, score_folders
from colorization.settings.commands import Evaluate, Train
from colorization.training.run import train


def plant_mistakes(clean: Path, bad: Path) -> None:
    """Copy pictures: two are left out, one is lighter, one turned and one a JPEG file."""
    (bad / "deeper").mkdir(parents=True)
    names = sorted(path.relative_to(clean) for path in clean.rglob("*.png"))
    for index, name in enumerate(names[2:]):
        with Image.open(clean / name) as image:
            if index == 0:
                image.point(lambda value: min(255, value + 40)).save(bad / name)
            elif index == 1:
                image.transpose(Image.Transpose.ROTATE_90).save(bad / name)
            elif index == 2:
                image.save((bad / name).with_suffix(".jpg"), quality=98, subsampling=0)
            else:
                image.save(bad / name)


def test_pictures_of_models_score_as_the_models_do(
    checkpoint: Path,
    settings: Callable[..., Train],
    asked: Callable[..., Evaluate],
    photographs: Path,
    tmp_path: Path,
) -> None:
    train(settings("seed=1", "trainer.max_epochs=3"), tmp_path / "runs" / "other" / "run")
    models = {"one": checkpoint, "two": tmp_path / "runs/other/run/checkpoints/best.ckpt"}
    for name, model in models.items():
        words = ["colorize", str(photographs), "-o", str(tmp_path / name), "--recolor"]
        assert not run_command([*words, "--model", str(model), "--precision", "32-true"])
    own = evaluate(
        asked(
            [*models.values()],
            f"datasets=[{photographs}]",
            "tracks=[native]",
            "precision=32-true",
        ),
        tmp_path / "own",
    )
    (dataset,) = own["datasets"].values()
    theirs = dataset["tracks"]["native"]["scores"]
    plant_mistakes(tmp_path / "one", tmp_path / "bad")
    words = [f"{name}={tmp_path / name}" for name in (*models, "bad")]
    found, _ = score_folders(
        FolderSettings(words, photographs, "as_is", tmp_path / "r", None, None, [], None, [])
    )
    assert [line.split(":")[0] for line in found["findings"]] == ["bad"] * 5
    for words_of, line in zip(
        (
            "2 of 20 pictures: missing",
            "1 of 20 pictures: rotated by",
            "a table of its own",
            "1 of 20 pictures: another lightness",
            "1 of 20 pictures: JPEG-compressed",
        ),
        found["findings"],
        strict=True,
    ):
        assert words_of in line
    ours = found["tables"][0]["scores"]
    labels = dict(zip(models, own["checkpoints"], strict=True))
    for row, label in {**labels, "gray": "gray", "best constant": "best constant"}.items():
        both = ours[row].keys() & theirs[label].keys()
        assert len(both) >= 11
        for metric in both:
            for bound in ("mean", "low", "high"):
                expected = theirs[label][metric][bound]
                assert ours[row][metric][bound] == pytest.approx(expected, abs=1e-6), metric
    assert ours["two"]["mse"]["mean"] != pytest.approx(ours["one"]["mse"]["mean"], rel=1e-3)


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


def make_ddcolor(path: Path, size: int) -> None:
    """Save a network of the inputs, outputs and opset of DDColor's export, with random weights."""
    random = np.random.default_rng(3)

    def tensor(name: str, *shape: int) -> TensorProto:
        values = random.normal(size=shape).astype(np.float32)
        return helper.make_tensor(name, TensorProto.FLOAT, shape, values.ravel())

    def value(name: str, channels: int) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, size, size])

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "stem"], ["x"], strides=[4, 4], pads=[0, 0, 0, 0]),
            helper.make_node("Tanh", ["x"], ["y"]),
            helper.make_node("ConvTranspose", ["y", "head"], ["z"], strides=[4, 4]),
            helper.make_node("Mul", ["z", "scale"], ["output"]),
        ],
        "ddcolor",
        [value("input", 3)],
        [value("output", 2)],
        [
            tensor("stem", 8, 3, 4, 4),
            tensor("head", 8, 2, 4, 4),
            helper.make_tensor("scale", TensorProto.FLOAT, [1], [12.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.mark.parametrize(("size", "shape"), [(512, (700, 530)), (512, (90, 120)), (256, (96, 96))])
def test_ddcolors_export_is_run_as_its_own_script_does(
    tmp_path: Path, size: int, shape: tuple[int, int]
) -> None:
    """Large (512 px) and tiny (256 px), on pictures larger and smaller than they see."""
    path = tmp_path / "ddcolor.onnx"
    make_ddcolor(path, size)
    noise = gaussian_filter(np.random.default_rng(0).normal(size=shape), 6)
    values = np.clip(noise / noise.std() * 50 + 120, 0, 255).astype(np.uint8)
    gray = torch.from_numpy(values).expand(1, 3, -1, -1).contiguous()
    # The steps of DDColor's script; skimage's bilinear is OpenCV's.
    bilinear = partial(resize, order=1, mode="edge", anti_aliasing=False, preserve_range=True)
    rgb = np.dstack([values / 255] * 3)
    seen = rgb2lab(bilinear(rgb, (size, size)))[..., 0]
    seen = lab2rgb(np.dstack([seen, 0 * seen, 0 * seen]))
    session = onnxruntime.InferenceSession(path)
    (ab,) = session.run(None, {"input": seen.transpose(2, 0, 1)[None].astype(np.float32)})
    lab = np.dstack([rgb2lab(rgb)[..., 0], bilinear(ab[0].transpose(1, 2, 0), shape)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of colours outside sRGB, which are clipped
        expected = np.rint(lab2rgb(lab) * 255)
    found = ForeignModel(path, "ddcolor")(rgb_to_lab(from_uint8(gray)).L, gray)[0]
    off = np.abs(found.permute(1, 2, 0).numpy().astype(int) - expected)
    assert off.max() <= 2
    assert off.mean() < 0.05
    assert found.float().std(dim=0).mean() > 5


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


def test_a_network_of_several_inputs_is_refused(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1]) for x in ("L", "hints", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["L", "hints"], ["y"])], "two", values[:2], values[2:]
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "x.onnx")
    with pytest.raises(InputError, match=r"has several inputs \(L, hints\)"):
        ForeignModel(tmp_path / "x.onnx", "ours")


def test_signatures_that_ship_are_read() -> None:
    assert read_signature("ddcolor").size == 512
    assert read_signature("ours").takes == "L"
    with pytest.raises(InputError, match="no signature nonsense; known: ddcolor, ours"):
        read_signature("nonsense")
