"""ONNX files: the same colours without PyTorch, at any size."""

import json
import math
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from skimage.color import lab2rgb, rgb2lab

from colorization import PhotoColorizer
from colorization.errors import InputError
from colorization.models.backends import ONNX_ABOUT, OnnxModel, load_model
from colorization.models.bundle import CARD, read_model
from colorization.models.export import FromLightness, export_model, trace_network
from colorization.settings.commands import Train
from colorization.training.colorizer import load_colorizer
from colorization.training.run import train
from tests.models.test_bundle import settings as export_settings
from tests.support.command_line import ROOT

SIZES = [(1, 64, 64), (3, 131, 97), (2, 48, 200), (5, 96, 128)]


@pytest.fixture(scope="module")
def run(settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of colour bins behind a classifier, averaged over mirror images."""
    folder = tmp_path_factory.mktemp("run")
    words = ["network=unet", "network.width=8", "encoder=efficientnet_lite0", "objective=bins"]
    train(settings(*words, "network.encoder.weights=random", "flip_average=true"), folder)
    return folder / "checkpoints" / "best.ckpt"


@pytest.mark.parametrize("name", ["checkpoint", "run"])
def test_graph_predicts_what_pytorch_does_at_any_size(
    request: pytest.FixtureRequest, name: str, tmp_path: Path
) -> None:
    checkpoint = request.getfixturevalue(name)
    words = [f"checkpoint={checkpoint}", "format=onnx", f"output={tmp_path}/m.onnx"]
    path = export_model(**export_settings(*words))
    onnx.checker.check_model(path)
    model, colorizer = OnnxModel(path), load_colorizer(checkpoint)
    assert model.about["size"] == 16
    for batch, height, width in SIZES:
        L = torch.rand(batch, 1, height, width) * 100
        with torch.no_grad():
            expected = colorizer(L).numpy()
        assert np.abs(model.predict(L.numpy()) - expected).max() < 0.05
    if name == "run":
        with pytest.raises(InputError, match=r"m\.onnx needs size=48 at least"):
            model.predict(np.zeros((1, 1, 40, 64), np.float32))


@pytest.mark.parametrize("form", ["bundle", "onnx"])
def test_size_and_temperature_can_be_chosen(
    run: Path, tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ("bundle" if form == "bundle" else "m.onnx")
    chosen: dict[str, Any] = {"size": 64, "temperature": 0.2, "precision": "single"}
    caplog.set_level("INFO")
    about = read_model(str(run)).about
    same = {"size": about["size"], "temperature": about["objective"]["temperature"]}
    export_model(str(run), output=str(tmp_path / "same"), **same)
    assert "scores are left out" not in caplog.text
    assert "## Test photographs of synthetic" in (tmp_path / "same" / CARD).read_text()
    export_model(str(run), format=form, output=str(path), **chosen)
    assert "its scores are left out: they are of another size or temperature" in caplog.text
    if form == "bundle":
        assert "None: as it is here, it has not been measured" in (path / CARD).read_text()
    colorizer = load_colorizer(run)
    gray = np.random.default_rng(0).integers(0, 256, (64, 80), dtype=np.uint8)
    L = torch.from_numpy(rgb2lab(np.stack([gray] * 3, axis=-1))[None, None, ..., 0]).float()
    assert colorizer.objective.temperature != 0.2
    colorizer.objective.temperature = 0.2
    with torch.no_grad():
        expected = colorizer(L).numpy()
    model = load_model(str(path), **({"precision": "32-true"} if form == "bundle" else {}))
    assert model.about["size"] == 64
    assert model.about["objective"]["temperature"] == 0.2
    assert np.abs(model.predict(L.numpy()) - expected).max() < 0.1
    with pytest.raises(InputError, match="size is 3; it must be at least 8"):
        export_model(str(run), size=3)
    with pytest.raises(InputError, match=r"temperature is 0\.0; it must be at least"):
        export_model(str(run), temperature=0.0)


def test_a_light_bundle_has_its_weights_once_and_runs_without_pytorch(
    run: Path, tmp_path: Path
) -> None:
    folder = Path(export_model(str(run), output=str(tmp_path / "light"), light=True))
    graph, weights = folder / "model.onnx", folder / "weights.safetensors"
    assert graph.stat().st_size < weights.stat().st_size / 3
    proto = onnx.load(graph, load_external_data=False)
    pointing = [weight for weight in proto.graph.initializer if weight.external_data]
    assert len(pointing) > 0.9 * len(proto.graph.initializer)
    whole = onnx.load(graph)  # with onnx's own reader of what lies outside
    onnx.checker.check_model(whole)
    L = torch.rand(1, 1, 70, 97) * 100
    with torch.no_grad():
        expected = read_model(str(folder)).predictor(L).numpy()
    assert np.abs(OnnxModel(graph).predict(L.numpy()) - expected).max() < 0.05
    assert load_bundle_without_pytorch(folder) == str(graph)
    shutil.copy(graph, tmp_path / "alone.onnx")
    with pytest.raises(InputError, match=r"alone\.onnx has its weights in a file that is not besi"):
        OnnxModel(tmp_path / "alone.onnx")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "weights.safetensors is not what SHA256SUMS says" in load_bundle_without_pytorch(folder)


def load_bundle_without_pytorch(folder: Path) -> str:
    """Return the file that is loaded where PyTorch is not installed, or the error."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import importlib.util as util; real = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'torch' else real(name, *more)\n"
        "from colorization.models.backends import load_model\n"
        f"print(load_model({str(folder)!r}).path)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip()


def test_warnings_that_are_not_known_are_shown() -> None:
    class Odd(FromLightness):
        def forward(self, L: torch.Tensor) -> tuple[torch.Tensor, ...]:
            warnings.warn("this is odd", RuntimeWarning, stacklevel=1)
            return (torch.cat([L, L], dim=1),)

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        trace_network(Odd(read_model("default")))
    assert [str(warning.message) for warning in shown] == ["this is odd"]


def test_gray_to_rgb(checkpoint: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={checkpoint}", "format=onnx_rgb", f"output={tmp_path}/m.onnx"]
    path = export_model(**export_settings(*words))
    gray = np.random.default_rng(0).integers(60, 200, (2, 1, 50, 61), dtype=np.uint8)
    ab, rgb = onnxruntime.InferenceSession(path).run(["ab", "rgb"], {"gray": gray})
    L = rgb2lab(np.repeat(gray, 3, axis=1), channel_axis=1)[:, :1]
    expected = lab2rgb(np.concatenate([L, ab], axis=1), channel_axis=1) * 255
    assert rgb.dtype == np.uint8
    assert np.abs(rgb - expected).max() < 0.6
    with pytest.raises(InputError, match=r"takes .*gray.* for other programs; use --format onnx"):
        OnnxModel(path)


def test_shipped_model_can_be_exported_and_colours_the_same(tmp_path: Path) -> None:
    path = export_model(
        **export_settings("checkpoint=default", "format=onnx", f"output={tmp_path}/d.onnx")
    )
    gray = np.random.default_rng(0).integers(0, 256, (40, 70), dtype=np.uint8)
    found = PhotoColorizer.load(str(path)).colorize(gray)
    expected = PhotoColorizer.load(precision="32-true").colorize(gray)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_export_is_a_library_function(checkpoint: Path, tmp_path: Path) -> None:
    code = f"""
from colorization import export_model
print(export_model({str(checkpoint)!r}, format="onnx", output="m.onnx"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "m.onnx\n", done.stderr
    onnx.checker.check_model(tmp_path / "m.onnx")


def test_colouring_with_onnx_loads_no_pytorch(checkpoint: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={checkpoint}", "format=onnx", f"output={tmp_path}/m.onnx"]
    export_model(**export_settings(*words))
    code = (
        "import sys, numpy; from colorization import PhotoColorizer; import src.colorize;"
        f"rgb = PhotoColorizer.load('{tmp_path}/m.onnx').colorize(numpy.zeros((9, 9), 'uint8'));"
        "assert rgb.shape == (9, 9, 3);"
        "assert 'torch' not in sys.modules, 'PyTorch was loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def giving(path: Path, ab: onnx.TensorProto | None, about: str) -> Path:
    """An ONNX file that gives the same whatever it sees; None is an output of another name."""
    L = helper.make_tensor_value_info("L", TensorProto.FLOAT, ["batch", 1, "height", "width"])
    given = ab or helper.make_tensor("ab", TensorProto.FLOAT, [1], [0.0])
    name = "ab" if ab else "rgb"
    output = helper.make_tensor_value_info(name, given.data_type, None)
    node = helper.make_node("Constant", [], [name], value=given)
    graph = helper.make_graph([node], "graph", [L], [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    model.metadata_props.add(key=ONNX_ABOUT, value=about)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kind", "shape", "value", "message"),
    [
        ("FLOAT", (1, 1, 40, 70), 0, r"gives float32 of shape \(1, 1, 40, 70\) for ab; it must be"),
        ("FLOAT", (1, 2, 40, 71), 0, r"gives float32 of shape \(1, 2, 40, 71\) for ab"),
        ("FLOAT", (), 0, r"gives float32 of shape \(\) for ab"),
        ("INT64", (1, 2, 40, 70), 0, r"gives int64 of shape \(1, 2, 40, 70\) for ab"),
        ("STRING", (1, 2, 40, 70), b"a", "gives object of shape"),
        ("FLOAT", (1, 2, 40, 70), math.nan, "predicts values that are not finite"),
        ("FLOAT", (1, 2, 40, 70), math.inf, "predicts values that are not finite"),
        ("", (), 0, "cannot be run: "),
    ],
)
def test_what_a_graph_gives_is_checked(
    shipped: str, tmp_path: Path, kind: str, shape: tuple[int, ...], value: Any, message: str
) -> None:
    ab = None
    if kind:
        values = [value] * math.prod(shape)
        ab = helper.make_tensor("ab", getattr(TensorProto, kind), shape, values)
    colorizer = PhotoColorizer.load(str(giving(tmp_path / "m.onnx", ab, shipped)), size=40)
    with pytest.raises(InputError, match=rf"m\.onnx {message}") as error:
        colorizer.colorize(np.zeros((40, 70), np.uint8))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("smallest", ["1", -1, True, None, 10**9])
def test_a_smallest_size_that_is_none_is_refused(
    shipped: str, tmp_path: Path, smallest: object
) -> None:
    about = json.dumps(json.loads(shipped) | {"smallest": smallest})
    with pytest.raises(InputError, match=r"m\.onnx does not describe a model"):
        OnnxModel(giving(tmp_path / "m.onnx", None, about))


@pytest.fixture
def shipped() -> str:
    """What is said of the shipped model."""
    return Path(ROOT, "models", "default", "model.json").read_text()


def test_other_files_and_settings_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={checkpoint}", "format=onnx", f"output={tmp_path}/m.onnx"]
    path = export_model(**export_settings(*words))
    with pytest.raises(InputError, match=r"m\.onnx is there already"):
        export_model(**export_settings(*words))
    with pytest.raises(InputError, match="flip_average and temperature are fixed in an ONNX file"):
        load_model(str(path), flip_average=True)
    with pytest.raises(InputError, match="an ONNX file is run on the CPU, in its own precision"):
        load_model(str(path), device="gpu")
    foreign = onnx.load(path)
    foreign.metadata_props[0].value = "[1]"
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match=r"foreign\.onnx does not describe a model"):
        load_model(str(tmp_path / "foreign.onnx"))
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match=r"is not of src\.export: it does not say what it is"):
        load_model(str(tmp_path / "foreign.onnx"))
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.onnx cannot be read: "):
        load_model(str(tmp_path / "broken.onnx"))
