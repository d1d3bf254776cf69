"""Load a trained model, ready to predict, from PyTorch's files or an ONNX file."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from colorization.errors import InputError
from colorization.files.digest import hash_file
from colorization.files.painting import Floats
from colorization.hints.arrays import correct_colors
from colorization.models.metadata import parse_description
from colorization.models.registry import CHECKSUMS, GRAPH, WEIGHTS, find_model

ONNX_ABOUT = "colorization_workbench"
"""Key of the model's description in an ONNX file's metadata."""


class ColorModel(Protocol):
    """Predicts colours at the size of what it is given."""

    about: Mapping[str, Any]
    """The description; ``size`` is the shorter side in px that it was trained at."""
    batch: int
    """Photographs that are best predicted together: one on a CPU, where each core takes its own."""
    takes_hints: bool

    def predict(self, x: Floats, saturation: float = 1) -> Floats:
        """L in 0..100, (B,1,h,w), or with hints beside it (B,4,h,w), to ab (B,2,h,w); CIE units.

        ``saturation`` is a factor of what is predicted, not of hints.

        Raises:
            InputError: if what is predicted is no such thing, or not finite.
        """


@runtime_checkable
class UnsureModel(ColorModel, Protocol):
    """Says too how unsure it is, what else is likely, and where to give hints; needs PyTorch."""

    def set_temperature(self, temperature: float) -> None:
        """Set the temperature of colour bins, for all predictions from now on."""

    def predict_unsure(self, x: Floats, saturation: float = 1) -> tuple[Floats, Floats]:
        """As :meth:`predict`, and how unsure that is, (B,1,h,w) in CIE units, less near hints."""

    def likely(self, x: Floats, row: int, column: int, saturation: float = 1) -> Floats:
        """Return the likeliest colours (N,2) of a pixel of one photograph (1,C,h,w), CIE units."""

    def suggest(self, x: Floats, count: int) -> list[tuple[int, int]]:
        """Return rows and columns of (1,C,h,w) at which to give hints, the best first."""


def has_pytorch() -> bool:
    """Tell whether PyTorch is installed; without it, models are run as ONNX files."""
    return find_spec("torch") is not None


def check_ab(ab: Any, x: Floats, model: object) -> Floats:
    """Return a model's output for ``x`` as float32 if it is ab (B,2,h,w), and finite.

    Raises:
        InputError: naming the model.
    """
    expected = (len(x), 2, *x.shape[2:])
    kind = getattr(ab, "dtype", type(ab))
    if not isinstance(ab, np.ndarray) or ab.dtype.kind != "f" or ab.shape != expected:
        raise InputError(
            f"{model} gives {kind} of shape {np.shape(ab) if isinstance(ab, np.ndarray) else '-'} "
            f"for ab; it must be floating point of shape {expected}"
        )
    check_finite(bool(np.isfinite(ab).all()), model)
    return ab.astype(np.float32, copy=False)


def check_finite(is_finite: bool, model: object) -> None:
    """Raise InputError, naming a model, unless what it predicts is finite."""
    if not is_finite:
        raise InputError(
            f"{model} predicts values that are not finite; its weights are damaged, or its "
            "training diverged: use another model"
        )


def load_model(
    model: str,
    device: str = "auto",
    precision: str = "auto",
    flip_average: bool | None = None,
    temperature: float | None = None,
    threads: int | None = None,
) -> ColorModel:
    """Load a model, ready to predict.

    Args:
        model: name of a shipped model, or path of a checkpoint, bundle or ONNX file.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: see :func:`colorization.models.hardware.resolve`.
        flip_average: whether the mirror image is averaged in; None is as it was trained.
        temperature: of colour bins; None is as it was trained.
        threads: CPU threads of one prediction; None is all.

    Raises:
        InputError: if it cannot be found, read, built or run with these settings.
    """
    path = find_model(model)
    if path.suffix != ".onnx" and not has_pytorch():
        path = graph_of(path)
    if path.suffix == ".onnx":
        if flip_average is not None or temperature is not None:
            raise InputError(f"{path}: flip_average and temperature are fixed in an ONNX file")
        if device == "gpu" or precision != "auto":
            raise InputError(f"{path}: an ONNX file is run on the CPU, in its own precision")
        return OnnxModel(path, threads)
    import torch  # from here on: an ONNX file is coloured without PyTorch

    from colorization.models.bundle import read_model
    from colorization.models.hardware import resolve
    from colorization.models.torch_model import TorchModel

    if threads is not None:
        torch.set_num_threads(threads)
    hardware = resolve(device, precision)
    trained = read_model(model)
    trained.predictor.set_decoding(flip_average=flip_average, temperature=temperature)
    return TorchModel(trained.predictor, trained.about, hardware, model)


def graph_of(path: Path) -> Path:
    """The ONNX file in a bundle, for an installation without PyTorch.

    Raises:
        InputError: if it has none, or that is damaged.
    """
    graph = path / GRAPH
    if not graph.is_file():
        raise InputError(f"{path} needs PyTorch: pip install 'colorization[train]'")
    sums = (path / CHECKSUMS).read_text().splitlines()
    for name in (GRAPH, WEIGHTS):
        if f"{hash_file(path / name)}  {name}" not in sums:
            raise InputError(f"{path / name} is not what {CHECKSUMS} says; fetch it again")
    return graph


def open_graph(path: Path, threads: int) -> Any:
    """Open an ONNX file with onnxruntime on the CPU.

    Args:
        threads: that it takes; 0 is one for each core.

    Raises:
        InputError: if it cannot be read, or weights that it points to are not beside it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{path} needs onnxruntime: pip install -e '.[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options)
    except Exception as error:  # onnxruntime's own have no common base
        said = str(error).splitlines()[0]
        if "External data path does not exist" in said:
            raise InputError(
                f"{path} has its weights in a file that is not beside it; take the whole folder"
            ) from error
        raise InputError(f"{path} cannot be read: {said}") from error


class OnnxModel:
    """An ONNX file of ``python -m src.export``, run by onnxruntime on the CPU.

    Its graph takes no hints: they correct what it predicts.
    """

    batch = 1
    takes_hints = True

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.session = open_graph(path, threads or 0)
        about = self.session.get_modelmeta().custom_metadata_map.get(ONNX_ABOUT)
        inputs = [(value.name, value.type) for value in self.session.get_inputs()]
        if about is None:
            raise InputError(f"{path} is not of src.export: it does not say what it is")
        self.about: Mapping[str, Any] = parse_description(about, path)
        self.path = path
        if inputs != [("L", "tensor(float)")]:
            raise InputError(f"{path} takes {inputs}, for other programs; use --format onnx here")

    def predict(self, x: Floats, saturation: float = 1) -> Floats:
        smallest = self.about.get("smallest", 1)
        if min(x.shape[2:]) < smallest:
            raise InputError(f"{self.path} needs size={smallest} at least")
        try:
            (ab,) = self.session.run(["ab"], {"L": np.ascontiguousarray(x[:, :1])})
        except Exception as error:  # onnxruntime's own have no common base
            raise InputError(f"{self.path} cannot be run: {str(error).splitlines()[0]}") from error
        ab = check_ab(ab, x, self.path) * np.float32(saturation)
        return correct_colors(x[:, :1], ab, x[:, 1:]) if x.shape[1] > 1 else ab
