"""Load checkpoints, with what they were trained on."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from colorization.data.datamodule import ColorDataModule
from colorization.errors import InputError
from colorization.models.baselines import fit_baselines, read_baselines
from colorization.models.checkpoints import DATA, read_checkpoint, resolve_dataset
from colorization.settings.compose import parse_part
from colorization.settings.run_files import BASELINES_FILE, CHECKPOINTS
from colorization.training.colorizer import Colorizer, build_colorizer

log = logging.getLogger(__name__)

BATCH = 64  # photographs that baselines are fitted to at a time


class TrainingSet(NamedTuple):
    """What a checkpoint was trained on.

    ``seen`` has the digests of its train and val pictures; ``missing`` says why there are no
    baselines, if there are none.
    """

    name: str
    baselines: nn.ModuleDict
    seen: frozenset[str]
    missing: str


class EvaluatedModel(NamedTuple):
    """A checkpoint's network, its name in the tables, and the size that it works at.

    ``dataset`` has the settings that the checkpoint stores; :func:`resolve_dataset` checks them.
    """

    label: str
    path: Path
    colorizer: Colorizer
    size: int
    epoch: int
    dataset: dict[str, Any]
    training: TrainingSet


def load_models(
    paths: Sequence[str], data_dir: str, device: torch.device, named: Sequence[str] | None = None
) -> list[EvaluatedModel]:
    """Read checkpoints, with the baselines of what each was trained on.

    Args:
        named: datasets and folders that the user has named.

    Raises:
        InputError: for a file that is no checkpoint, or that cannot be built.
    """
    found: dict[str, TrainingSet] = {}
    models: list[EvaluatedModel] = []
    for path, label in zip(map(Path, paths), choose_labels(paths), strict=True):
        checkpoint = read_checkpoint(path)
        colorizer = build_colorizer(checkpoint, path).to(device)
        colorizer.network.to(memory_format=torch.channels_last)
        try:
            stored = checkpoint["datamodule_hyper_parameters"]
            name, size = stored["dataset"]["name"], stored["dataset"]["size"]
            seen = frozenset(checkpoint[DATA]["seen"])
        except (KeyError, TypeError) as error:
            raise InputError(f"{path} is not a checkpoint of src.train") from error
        key = json.dumps([name, size, sorted(seen)])  # wherever the photographs are
        if key not in found:
            while name in {training.name for training in found.values()}:
                name += "'"
            baselines, missing = find_baselines(path, stored, seen, data_dir, named)
            found[key] = TrainingSet(name, baselines.to(device), seen, missing)
        epoch = checkpoint["epoch"] + 1
        models.append(
            EvaluatedModel(label, path, colorizer, size, epoch, stored["dataset"], found[key])
        )
    return models


def choose_labels(paths: Sequence[str]) -> list[str]:
    """Name checkpoints by the last two folders of their runs, or by more if those are alike."""
    parts = [split_run(Path(path).resolve()) for path in paths]
    for depth in range(2, max(2, *map(len, parts)) + 1):
        short = ["/".join(names[-depth:]) for names in parts]
        if len(set(short)) == len(short):
            return short
    raise InputError(f"the same checkpoint is given twice: {', '.join(paths)}")


def split_run(path: Path) -> tuple[str, ...]:
    """Return the folders of a run, and the checkpoint's name unless it is the best."""
    names = path.with_suffix("").parts[1:]
    run = names[:-2] if path.parent.name == CHECKPOINTS else names[:-1]
    return run if path.stem == "best" and run else (*run, path.stem)


def find_baselines(
    checkpoint: Path,
    stored: Mapping[str, Any],
    seen: frozenset[str],
    data_dir: str,
    named: Sequence[str] | None,
) -> tuple[nn.ModuleDict, str]:
    """Read the baselines that the checkpoint's run kept, or fit them to what it was trained on.

    Args:
        stored: settings of dataset and augmentation.
        seen: digests of the pictures.
        data_dir, named: as for :func:`resolve_dataset`.

    Returns:
        The baselines, and why there are none.
    """
    if kept := read_baselines(checkpoint.parent.parent / BASELINES_FILE):
        return kept, ""
    try:
        dataset = resolve_dataset(stored["dataset"], data_dir, named)
        augmentation = parse_part("augmentation", stored.get("augmentation", {}))
        data = ColorDataModule(dataset, augmentation, BATCH, seed=0)
        data.prepare_data()
        data.setup("fit")
    except (InputError, OSError) as error:
        missing = f"{checkpoint} has no baselines: its training set is not here: {error}"
    else:
        if frozenset(data.seen()) == seen:
            return fit_baselines(data.lab_batches("train")), ""
        missing = f"{checkpoint} has no baselines: its training set has changed since"
    log.warning(missing)
    return nn.ModuleDict(), missing
