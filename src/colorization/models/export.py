"""Write a trained model to hand on: a bundle or an ONNX file."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorization.color import from_uint8, rgb_to_lab
from colorization.data.datamodule import ImageDataset
from colorization.errors import InputError
from colorization.models.checkpoints import opened, read_checkpoint
from colorization.models.describe import read_model
from colorization.models.onnx import SMALLEST, FromGray, FromLightness, write_onnx
from colorization.models.registry import is_bundle, locate
from colorization.models.results import PACKAGES
from colorization.models.writing import scores_of, write_bundle
from colorization.settings.compose import CHECKPOINTS, build, dataset_choices, dataset_settings
from colorization.settings.fields import check, one_of

log = logging.getLogger(__name__)

COMPARED = 8  # photographs
FORMAT = one_of("bundle", "onnx", "onnx_rgb")
PRECISION = one_of("half", "single")


def export_model(
    checkpoint: str,
    *,
    output: str | None = None,
    format: str = "bundle",
    name: str | None = None,
    precision: str = "half",
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
        evaluation: a ``results.json`` of ``src.evaluate``, whose scores go into the card.
        data_dir: folder of the photographs on which an ONNX file is compared with PyTorch.

    Raises:
        InputError: if the model cannot be read or built, or ``output`` exists.
    """
    check("format", format, FORMAT)
    check("precision", precision, PRECISION)
    path = locate(checkpoint)
    model = read_model(checkpoint)
    about = dict(model.about) | {
        "name": name or model.about["name"],
        "exported": date.today().isoformat(),
        "versions": {package: version(package) for package in PACKAGES},
    }
    if evaluation:
        about["training"] = about["training"] | {"tests": scores_of(Path(evaluation))}
    model = model._replace(about=about)
    target = Path(output or default_output(path, format))
    if target.exists():
        raise InputError(f"{target} is there already; remove it, or set output to another")
    if format == "bundle":
        write_bundle(model, target, precision)
    else:
        graph = FromGray if format == "onnx_rgb" else FromLightness
        photographs = compared(path, about, data_dir)
        difference = write_onnx(model, target, graph, photographs)
        log.info("ab differ from PyTorch's by up to %.5f CIE units", difference)
    return target


def default_output(path: Path, form: str) -> Path:
    """In the run's folder.

    Raises:
        InputError: for what lies in none.
    """
    if path.parent.name != CHECKPOINTS:
        raise InputError(f"{path} lies in no run's folder; set output")
    run = path.parent.parent
    return run / "bundle" if form == "bundle" else run / f"{form.replace('onnx', 'model')}.onnx"


def compared(path: Path, about: Mapping[str, Any], data_dir: str) -> Iterator[Tensor]:
    """L of photographs that a model was chosen on, or of rendered scenes if those are not here."""
    trained = about["training"]["dataset"]
    candidates: list[Callable[[], dict[str, Any]]] = []
    if not is_bundle(path):
        stored = read_checkpoint(path)["datamodule_hyper_parameters"]["dataset"]
        candidates.append(lambda: opened(stored, data_dir))
    elif trained in dataset_choices():
        candidates.append(lambda: dataset_settings(trained, data_dir))
    candidates.append(lambda: dataset_settings("synthetic", data_dir))
    for settings in candidates:
        try:
            yield from lightnesses(build(settings()))
        except (InputError, OSError) as error:
            log.warning("not compared on its own photographs: %s", error)
        else:
            return


def lightnesses(dataset: ImageDataset) -> Iterator[Tensor]:
    """Of squares together, and of a whole photograph."""
    names = dataset.names("val")[:COMPARED]
    size = max(dataset.size, SMALLEST)
    yield rgb_to_lab(from_uint8(torch.stack([dataset.read(n, size) for n in names]))).L
    whole = dataset.read(names[0], None)
    if min(whole.shape[1:]) >= SMALLEST:
        yield rgb_to_lab(from_uint8(whole[None])).L
