"""Checkpoints, with what they were trained on."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from src.baselines import fit_baselines, read_baselines
from src.colorizer import Colorizer, build_colorizer, read_checkpoint
from src.config import BASELINES_FILE, CHECKPOINTS
from src.data.datamodule import ColorDataModule
from src.errors import InputError

log = logging.getLogger(__name__)


class TrainingSet(NamedTuple):
    """What a checkpoint has learned from.

    ``seen`` has the digests of its train and val pictures, ``missing`` says why it is empty.
    """

    name: str
    baselines: Mapping[str, nn.Module]
    seen: frozenset[str]
    missing: str


class Model(NamedTuple):
    """A checkpoint: its name in the tables, its network, and the size that it works at."""

    label: str
    path: Path
    colorizer: Colorizer
    size: int
    epoch: int
    dataset: dict[str, Any]
    training: TrainingSet


def load_models(paths: Sequence[str], data_dir: str, device: torch.device) -> list[Model]:
    """Read checkpoints, and fit the baselines to what each was trained on.

    Raises:
        InputError: for what is not a checkpoint, or cannot be built.
    """
    found: dict[str, TrainingSet] = {}
    models: list[Model] = []
    for path, label in zip(map(Path, paths), labels(paths), strict=True):
        checkpoint = read_checkpoint(path)
        settings = dict(checkpoint["datamodule_hyper_parameters"])
        settings["dataset"] = relocated(settings["dataset"], data_dir)
        key = json.dumps(settings["dataset"], sort_keys=True)
        colorizer = build_colorizer(checkpoint, path).to(device)
        colorizer.network.to(memory_format=torch.channels_last)
        if key not in found:
            names = {training.name for training in found.values()}
            found[key] = training_set(settings, path, names, device)
        size, epoch = settings["dataset"]["size"], checkpoint["epoch"] + 1
        models.append(Model(label, path, colorizer, size, epoch, settings["dataset"], found[key]))
    return models


def labels(paths: Sequence[str]) -> list[str]:
    """Names of checkpoints: the last two folders of their runs, more where those are alike."""
    parts = [run_parts(Path(path).resolve()) for path in paths]
    for depth in range(2, max(map(len, parts)) + 1):
        short = ["/".join(names[-depth:]) for names in parts]
        if len(set(short)) == len(short):
            return short
    raise InputError(f"the same checkpoint is given twice: {', '.join(paths)}")


def run_parts(path: Path) -> tuple[str, ...]:
    """Folders of a run and the checkpoint's name, but for the best, which stands for the run."""
    names = path.with_suffix("").parts
    run = names[:-2] if path.parent.name == CHECKPOINTS else names[:-1]
    return run if path.stem == "best" else (*run, path.stem)


def relocated(dataset: Mapping[str, Any], data_dir: str) -> dict[str, Any]:
    """Settings of a dataset that may have been trained on elsewhere: its folder, or data_dir's."""
    settings = dict(dataset)
    if "root" in settings and not Path(settings["root"]).is_dir():
        settings["root"] = str(Path(data_dir) / Path(settings["root"]).name)
    return settings


def training_set(
    settings: Mapping[str, Any], checkpoint: Path, taken: Iterable[str], device: torch.device
) -> TrainingSet:
    """Fit baselines to what a checkpoint was trained on, or take those that its run kept.

    Where the photographs are not there, nobody can tell which of a dataset it has seen.
    """
    data = ColorDataModule(**settings)
    name = data.dataset.name
    while name in taken:
        name += "'"
    try:
        data.prepare_data()
        data.setup("fit")
    except (InputError, OSError) as error:
        kept = read_baselines(checkpoint.parent.parent / BASELINES_FILE) or nn.ModuleDict()
        missing = f"what {checkpoint} was trained on is not here: {error}"
        log.warning("%s; photographs that it has seen cannot be told", missing)
        return TrainingSet(name, on_device(kept, device), frozenset(), missing)
    baselines = fit_baselines(data.lab_batches("train"))
    seen = frozenset(digest(rgb) for split in ("train", "val") for rgb in data.images[split].pixels)
    return TrainingSet(name, on_device(baselines, device), seen, "")


def on_device(baselines: nn.ModuleDict, device: torch.device) -> dict[str, nn.Module]:
    return {name: baseline.to(device) for name, baseline in baselines.items()}


def digest(rgb: Tensor) -> str:
    """Fingerprint of the pixels of a uint8 picture (3,H,W)."""
    return hashlib.blake2b(rgb.contiguous().numpy().tobytes(), digest_size=16).hexdigest()
