"""Checkpoints, with what they were trained on."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from src.baselines import fit_baselines, read_baselines
from src.checkpoints import DATA, read_checkpoint
from src.colorizer import Colorizer, build_colorizer
from src.config import BASELINES_FILE, CHECKPOINTS
from src.data.datamodule import ColorDataModule
from src.errors import InputError

log = logging.getLogger(__name__)


class TrainingSet(NamedTuple):
    """What a checkpoint has learned from.

    ``seen`` has the digests of its train and val pictures; ``missing`` says why there are no
    baselines.
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
    """Read checkpoints, with the baselines of what each was trained on.

    Raises:
        InputError: for what is not a checkpoint, or cannot be built.
    """
    found: dict[str, TrainingSet] = {}
    models: list[Model] = []
    for path, label in zip(map(Path, paths), labels(paths), strict=True):
        checkpoint = read_checkpoint(path)
        colorizer = build_colorizer(checkpoint, path).to(device)
        colorizer.network.to(memory_format=torch.channels_last)
        settings = dict(checkpoint["datamodule_hyper_parameters"])
        try:
            settings["dataset"] = relocated(settings["dataset"], data_dir)
            name, size = settings["dataset"]["name"], settings["dataset"]["size"]
            seen = frozenset(checkpoint[DATA]["seen"])
        except (KeyError, TypeError) as error:
            raise InputError(f"{path} is not a checkpoint of src.train") from error
        key = json.dumps([name, size, sorted(seen)])  # wherever the photographs lie
        if key not in found:
            while name in {training.name for training in found.values()}:
                name += "'"
            baselines, missing = baselines_of(path, settings, seen)
            on_device = {baseline: table.to(device) for baseline, table in baselines.items()}
            found[key] = TrainingSet(name, on_device, seen, missing)
        epoch = checkpoint["epoch"] + 1
        models.append(Model(label, path, colorizer, size, epoch, settings["dataset"], found[key]))
    return models


def labels(paths: Sequence[str]) -> list[str]:
    """Names of checkpoints: the last two folders of their runs, more where those are alike."""
    parts = [run_parts(Path(path).resolve()) for path in paths]
    for depth in range(2, max(2, *map(len, parts)) + 1):
        short = ["/".join(names[-depth:]) for names in parts]
        if len(set(short)) == len(short):
            return short
    raise InputError(f"the same checkpoint is given twice: {', '.join(paths)}")


def run_parts(path: Path) -> tuple[str, ...]:
    """Folders of a run and the checkpoint's name, but for the best, which stands for the run."""
    names = path.with_suffix("").parts[1:]
    run = names[:-2] if path.parent.name == CHECKPOINTS else names[:-1]
    return run if path.stem == "best" and run else (*run, path.stem)


def relocated(dataset: Mapping[str, Any], data_dir: str) -> dict[str, Any]:
    """Settings of a dataset that may have been trained on elsewhere: its folder, or data_dir's."""
    settings = dict(dataset)
    for part, of in settings.get("parts", {}).items():
        settings["parts"] = settings["parts"] | {part: relocated(of, data_dir)}
    if "root" in settings and not Path(settings["root"]).is_dir():
        settings["root"] = str(Path(data_dir) / Path(settings["root"]).name)
    return settings


def baselines_of(
    checkpoint: Path, settings: Mapping[str, Any], seen: frozenset[str]
) -> tuple[nn.ModuleDict, str]:
    """Baselines that the checkpoint's run kept, or else fitted anew to what it was trained on.

    Returns:
        The baselines, and why there are none.
    """
    if kept := read_baselines(checkpoint.parent.parent / BASELINES_FILE):
        return kept, ""
    data = ColorDataModule(**settings)
    try:
        data.prepare_data()
        data.setup("fit")
    except (InputError, OSError) as error:
        missing = f"{checkpoint} has no baselines, for what it was trained on is not here: {error}"
    else:
        if frozenset(data.seen()) == seen:
            return fit_baselines(data.lab_batches("train")), ""
        missing = f"{checkpoint} has no baselines, for what it was trained on has changed since"
    log.warning(missing)
    return nn.ModuleDict(), missing
