"""A model as an ONNX file, checked against PyTorch."""

import json
import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.errors import InputError
from colorization.files.atomic import replacing
from colorization.models.backends import ONNX_ABOUT
from colorization.models.bundle import Described

OPSET = 18
TRACED = (2, 1, 131, 97)  # no side a multiple of anything, so that padding is in the graph
SMALLEST = 48  # px; encoders pad smaller pictures, which a graph does not
TOLERANCE = 0.05  # CIE units
TRACED_ALIKE: type[Warning] = torch.jit.TracerWarning  # type: ignore[attr-defined]


class FromLightness(nn.Module):
    """L (B,1,H,W) in 0..100 to ab (B,2,H,W), without hints."""

    names: tuple[tuple[str, ...], tuple[str, ...]] = (("L",), ("ab",))

    def __init__(self, model: Described) -> None:
        super().__init__()
        self.predictor = model.predictor

    def example(self, L: Tensor) -> Tensor:
        """What to feed it with for L."""
        return L

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        return (self.predictor(L),)


class FromGray(FromLightness):
    """sRGB gray, uint8 (B,1,H,W), to ab (B,2,H,W) and sRGB, uint8 (B,3,H,W)."""

    names = (("gray",), ("ab", "rgb"))

    def example(self, L: Tensor) -> Tensor:
        return to_uint8(lab_to_rgb(L, torch.zeros_like(L).expand(-1, 2, -1, -1)))[:, :1]

    def forward(self, gray: Tensor) -> tuple[Tensor, ...]:
        L = rgb_to_lab(from_uint8(gray).expand(-1, 3, -1, -1)).L
        ab = self.predictor(L)
        return ab, to_uint8(lab_to_rgb(L, ab))


def write_onnx(
    model: Described, path: Path, graph: type[FromLightness], photographs: Iterable[Tensor]
) -> float:
    """Write a model for batches and sizes of any number, from 48 px on; whole or not at all.

    Args:
        graph: what it takes and gives.
        photographs: L (B,1,H,W), on which it is compared with PyTorch.

    Returns:
        The largest difference of ab, CIE units.

    Raises:
        InputError: if a package is missing, or the difference is over 0.05.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"format=onnx needs {error.name}: pip install -e '.[onnx]'") from error
    network = graph(model).eval()
    proto = onnx.load_from_string(traced(network))
    about = proto.metadata_props.add()
    smallest = SMALLEST if model.about["network"].get("encoder") else 1
    about.key, about.value = ONNX_ABOUT, json.dumps(dict(model.about) | {"smallest": smallest})
    whole = proto.SerializeToString()
    session = onnxruntime.InferenceSession(whole)
    difference = 0.0
    for L in photographs:
        given = network.example(L)
        with torch.inference_mode():
            expected = network(given)[0].numpy()
        found = session.run(["ab"], {network.names[0][0]: given.numpy()})[0]
        difference = max(difference, float(abs(found - expected).max()))
    if not difference <= TOLERANCE:
        raise InputError(f"ab of the ONNX model differ by up to {difference}; nothing is written")
    with replacing(path) as beside:
        beside.write_bytes(whole)
    return difference


def traced(network: FromLightness) -> bytes:
    """A network as ONNX, by tracing.

    The newer exporter (``dynamo=True``, PyTorch 2.15) takes some 20 times as long, for the symbolic
    sizes of padded maps grow at every layer. Behind EfficientNet-Lite its graph fails at any other
    size than the traced one ("invalid expand shape"), and is 9% larger. With timm's classifiers,
    which pad by ``math.ceil(size / stride)``, a division of floats, it does not come to an end.
    """
    inputs, outputs = network.names
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in inputs + outputs}
    file = BytesIO()
    with warnings.catch_warnings():
        # Of Python's branches, which are fixed by tracing: the graph is compared with PyTorch.
        warnings.simplefilter("ignore", TRACED_ALIKE)
        for said in ("You are using the legacy", "The feature will be removed"):
            warnings.filterwarnings("ignore", said, DeprecationWarning)
        torch.onnx.export(
            network,
            (network.example(torch.full(TRACED, 50.0)),),
            file,  # type: ignore[arg-type]  # which that exporter takes
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
        )
    return file.getvalue()
