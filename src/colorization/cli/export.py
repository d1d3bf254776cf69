"""A trained model to hand on: ``python -m src.export checkpoint=PATH format=bundle``."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig
from torch import Tensor

from colorization.cli import command
from colorization.color import from_uint8, rgb_to_lab
from colorization.data.datamodule import ImageDataset
from colorization.errors import InputError, interruptible
from colorization.evaluation.models import locate_dataset
from colorization.models.checkpoints import read_checkpoint
from colorization.models.describe import read_model
from colorization.models.onnx import SMALLEST, FromGray, FromLightness, write_onnx
from colorization.models.registry import is_bundle, locate
from colorization.models.results import PACKAGES
from colorization.models.writing import scores_of, write_bundle
from colorization.settings.commands import Export
from colorization.settings.compose import (
    CHECKPOINTS,
    CONF,
    build,
    checked,
    dataset_choices,
    dataset_settings,
)

log = logging.getLogger(__name__)

COMPARED = 8  # photographs


@interruptible()
def export(settings: Export) -> Path:
    """Write a bundle or an ONNX file by ``settings``, and return where it is.

    Raises:
        InputError: for what cannot be read or built, or is there already.
    """
    path = locate(settings.checkpoint)
    model = read_model(settings.checkpoint)
    about = dict(model.about) | {
        "name": settings.name or model.about["name"],
        "exported": date.today().isoformat(),
        "versions": {package: version(package) for package in PACKAGES},
    }
    if settings.evaluation:
        about["training"] = about["training"] | {"tests": scores_of(Path(settings.evaluation))}
    model = model._replace(about=about)
    output = Path(settings.output or default_output(path, settings.format))
    if output.exists():
        raise InputError(f"{output} is there already; remove it, or set output to another")
    if settings.format == "bundle":
        write_bundle(model, output, settings.precision)
    else:
        graph = FromGray if settings.format == "onnx_rgb" else FromLightness
        photographs = compared(path, about, settings.data_dir)
        difference = write_onnx(model, output, graph, photographs)
        log.info("ab differ from PyTorch's by up to %.5f CIE units", difference)
    return output


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
        candidates.append(lambda: locate_dataset(stored, data_dir))
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


@hydra.main(version_base="1.3", config_path=CONF, config_name="export")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        print(f"written: {export(checked(config))}")


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Export)
