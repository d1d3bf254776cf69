"""Write a trained model to hand on: a bundle or an ONNX file."""

import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.data.photographs import ImageDataset
from colorization.errors import InputError
from colorization.files.atomic import replacing, write_text
from colorization.files.digest import hash_file
from colorization.models.backends import ONNX_ABOUT
from colorization.models.bundle import (
    TrainedModel,
    describe_predictor,
    read_bundle,
    read_model,
    write_bundle,
)
from colorization.models.card import read_evaluation, read_kinds
from colorization.models.checkpoints import read_checkpoint, resolve_dataset
from colorization.models.registry import CHECKSUMS, GRAPH, WEIGHTS, find_model, is_bundle
from colorization.models.results import PACKAGES
from colorization.networks.weights import SMALLEST
from colorization.settings.compose import build, dataset_choices, dataset_settings
from colorization.settings.fields import SIZE, TEMPERATURE, check, one_of
from colorization.settings.run_files import CHECKPOINTS

log = logging.getLogger(__name__)

COMPARED = 8  # photographs
FORMAT = one_of("bundle", "onnx", "onnx_rgb")
PRECISION = one_of("half", "single")
SCORES = ("test", "tests", "kinds")  # of a description's training
OPSET = 18
TRACED = (2, 1, 131, 97)  # no side a multiple of anything, so that padding is in the graph
TOLERANCE = 0.05  # CIE units
TRACED_ALIKE: type[Warning] = torch.jit.TracerWarning  # type: ignore[attr-defined]


def export_model(
    checkpoint: str,
    *,
    output: str | None = None,
    format: str = "bundle",
    name: str | None = None,
    precision: str = "half",
    light: bool = False,
    size: int | None = None,
    temperature: float | None = None,
    evaluation: str | None = None,
    data_dir: str = "data",
) -> Path:
    """Write a trained model as a bundle or an ONNX file; return the path of what was written.

    Args:
        checkpoint: path of a checkpoint or bundle, or the name of a shipped model.
        output: path to write to; None is in the run's folder.
        format: ``bundle``; ``onnx`` (L to ab) or ``onnx_rgb`` (8-bit gray to ab and RGB).
        name: of the model in its description and card; None keeps its own.
        precision: of a bundle's weights: ``half`` or ``single``.
        light: whether a bundle is run without PyTorch too.
        size: of its own, px; None keeps that of its training photographs.
        temperature: of a distribution over colours; None keeps its own.
        evaluation: a ``results.json`` of ``src.evaluate``, or what ``benchmarks.frontier --kinds``
            wrote, whose scores go into the card.
        data_dir: folder of the photographs on which an ONNX file is compared with PyTorch.

    Raises:
        InputError: if the model cannot be read or built, or ``output`` exists.
    """
    check("format", format, FORMAT)
    check("precision", precision, PRECISION)
    check("size", size, SIZE)
    check("temperature", temperature, TEMPERATURE)
    if light and format != "bundle":
        raise InputError("--light is for a bundle; leave it out")
    path = find_model(checkpoint)
    model = read_model(checkpoint)
    model.predictor.set_decoding(temperature=temperature)
    about = describe(model, name, size, temperature, evaluation)
    model = model._replace(about=about)
    target = Path(output or choose_output(path, format))
    if target.exists():
        raise InputError(f"{target} is there already; remove it, or set output to another")
    photographs = choose_photographs(path, about, data_dir)
    if format == "bundle":
        write_bundle(model, target, precision)
        if not light:
            return target
        try:
            difference = add_graph(read_bundle(target), target, photographs)
        except BaseException:
            shutil.rmtree(target)
            raise
    else:
        graph = FromGray if format == "onnx_rgb" else FromLightness
        difference = write_onnx(model, target, graph, photographs)
    log.info("ab differ from PyTorch's by up to %.5f CIE units", difference)
    return target


def describe(
    model: TrainedModel,
    name: str | None,
    size: int | None,
    temperature: float | None,
    evaluation: str | None,
) -> dict[str, Any]:
    """Return a model's description as it is exported; arguments are :func:`export_model`'s.

    The model decodes as it is exported already.

    Raises:
        InputError: if the scores cannot be read.
    """
    about = dict(model.about) | {
        "name": name or model.about["name"],
        "size": size or model.about["size"],
        "exported": date.today().isoformat(),
        "versions": {package: version(package) for package in PACKAGES},
    }
    if temperature is not None:
        about["objective"] = about["objective"] | {"temperature": temperature}
    training = about["training"]
    if any(about[part] != model.about[part] for part in ("size", "objective")):
        about["training"] = {name: value for name, value in training.items() if name not in SCORES}
    if evaluation and evaluation.endswith(".jsonl"):
        sharpness = about["objective"].get("temperature", 1)
        about["training"] = about["training"] | read_kinds(Path(evaluation), sharpness)
    elif evaluation:
        expected = describe_predictor(model.predictor) | {"size": about["size"]}
        about["training"] = about["training"] | read_evaluation(Path(evaluation), expected)
    elif len(about["training"]) < len(training):
        log.info("its scores are left out: they are of another size or temperature")
    return about


def choose_output(path: Path, form: str) -> Path:
    """Return the path of an export in the run's folder.

    Raises:
        InputError: if the model does not lie in a run's folder.
    """
    if path.parent.name != CHECKPOINTS:
        raise InputError(f"{path} is not in a run's folder; set output")
    run = path.parent.parent
    return run / "bundle" if form == "bundle" else run / f"{form.replace('onnx', 'model')}.onnx"


def choose_photographs(path: Path, about: Mapping[str, Any], data_dir: str) -> Iterator[Tensor]:
    """Yield L (B,1,H,W) of the model's validation photographs, or of rendered scenes."""
    trained = about["training"]["dataset"]
    candidates: list[Callable[[], dict[str, Any]]] = []
    if not is_bundle(path):
        stored = read_checkpoint(path)["datamodule_hyper_parameters"]["dataset"]
        candidates.append(lambda: resolve_dataset(stored, data_dir))
    elif trained in dataset_choices():
        candidates.append(lambda: dataset_settings(trained, data_dir))
    candidates.append(lambda: dataset_settings("synthetic", data_dir))
    for settings in candidates:
        try:
            yield from read_lightness(build(settings()), find_smallest(about))
        except (InputError, OSError) as error:
            log.warning("not compared on its own photographs: %s", error)
        else:
            return


def find_smallest(about: Mapping[str, Any]) -> int:
    """Find the side below which an encoder pads pictures, which a graph does not."""
    encoder = about["network"].get("encoder")
    return SMALLEST // encoder["enlarge"] if encoder else 1


def read_lightness(dataset: ImageDataset, smallest: int) -> Iterator[Tensor]:
    """Yield L of validation photographs: squares in one batch, then a whole photograph."""
    names = dataset.names("val")[:COMPARED]
    size = max(dataset.size, smallest)
    yield rgb_to_lab(from_uint8(torch.stack([dataset.read(n, size) for n in names]))).L
    whole = dataset.read(names[0], None)
    if min(whole.shape[1:]) >= smallest:
        yield rgb_to_lab(from_uint8(whole[None])).L


class FromLightness(nn.Module):
    """L (B,1,H,W) in 0..100 to ab (B,2,H,W), without hints."""

    names: tuple[tuple[str, ...], tuple[str, ...]] = (("L",), ("ab",))

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.predictor = model.predictor

    def example(self, L: Tensor) -> Tensor:
        """Return the input of the graph for L."""
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
    model: TrainedModel, path: Path, graph: type[FromLightness], photographs: Iterable[Tensor]
) -> float:
    """Write an ONNX file for any batch and any size from 48 px, whole or not at all.

    Args:
        graph: what it takes and gives.
        photographs: L (B,1,H,W), on which it is compared with PyTorch.

    Returns:
        The largest difference of ab, CIE units.

    Raises:
        InputError: if a package is missing, or the difference is over 0.05.
    """
    network = graph(model).eval()
    with replacing(path) as beside:
        beside.write_bytes(make_graph(model, network).SerializeToString())
        return compare_graph(beside, network, photographs)


def add_graph(model: TrainedModel, folder: Path, photographs: Iterable[Tensor]) -> float:
    """Write an ONNX file into a bundle, so that it is run without PyTorch too.

    Its weights are those in the bundle's file of weights, which it points into.

    Returns:
        The largest difference of ab, CIE units; errors are those of :func:`write_onnx`.
    """
    network = FromLightness(model).eval()
    proto = make_graph(model, network)
    point_into(proto, folder / WEIGHTS)
    with replacing(folder / GRAPH) as beside:
        beside.write_bytes(proto.SerializeToString())
        difference = compare_graph(beside, network, photographs)
    sums = folder / CHECKSUMS
    write_text(sums.read_text() + f"{hash_file(folder / GRAPH)}  {GRAPH}\n", sums)
    return difference


def make_graph(model: TrainedModel, network: FromLightness) -> Any:
    """Make the ONNX of a network, with the model's description."""
    try:
        import onnx
    except ImportError as error:
        raise InputError(f"ONNX needs {error.name}: pip install -e '.[onnx]'") from error
    proto = onnx.load_from_string(trace_network(network))
    about = proto.metadata_props.add()
    more = {"smallest": find_smallest(model.about)}
    about.key, about.value = ONNX_ABOUT, json.dumps(dict(model.about) | more)
    store_halves(proto)
    return proto


def point_into(proto: Any, weights: Path) -> None:
    """Replace the weights of a graph by the places of the same bytes in a safetensors file.

    That file has the length of its header in 8 bytes, the header, and the tensors. The few that
    are not there, which tracing made, stay.
    """
    from onnx import TensorProto, numpy_helper

    data = weights.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    places = {}
    for name, tensor in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            start, end = (begin + offset for offset in tensor["data_offsets"])
            places[data[start:end]] = start
    for weight in proto.graph.initializer:
        values = numpy_helper.to_array(weight).tobytes()
        if (start := places.get(values)) is not None:
            weight.ClearField("raw_data")
            weight.data_location = TensorProto.EXTERNAL
            where = {"location": weights.name, "offset": start, "length": len(values)}
            for key, value in where.items():
                weight.external_data.add(key=key, value=str(value))


def compare_graph(path: Path, network: FromLightness, photographs: Iterable[Tensor]) -> float:
    """Return the largest difference of ab between an ONNX file and PyTorch, CIE units.

    Raises:
        InputError: if it is over 0.05.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    difference = 0.0
    for L in photographs:
        given = network.example(L)
        with torch.inference_mode():
            expected = network(given)[0].numpy()
        found = session.run(["ab"], {network.names[0][0]: given.numpy()})[0]
        difference = max(difference, float(abs(found - expected).max()))
    if not difference <= TOLERANCE:
        raise InputError(f"ab of the ONNX model differ by up to {difference}; nothing is written")
    return difference


def store_halves(proto: Any) -> None:
    """Store weights in half precision that it holds exactly, as those of a bundle.

    onnxruntime turns them back when it loads the file, so that nothing else changes.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph, casts = proto.graph, []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        halves = values.astype("float16")
        if weight.data_type != TensorProto.FLOAT or not (halves == values).all():
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(halves, f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def trace_network(network: FromLightness) -> bytes:
    """Convert a network to ONNX by tracing.

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
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,  # norms stay apart, so that halves stay halves
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
        )
    return file.getvalue()
