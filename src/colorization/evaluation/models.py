"""Load checkpoints and bundles, with what checkpoints were trained on."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from colorization.data.datamodule import ColorDataModule
from colorization.errors import InputError
from colorization.models.baselines import fit_baselines, read_baselines
from colorization.models.bundle import read_bundle
from colorization.models.checkpoints import DATA, read_checkpoint, resolve_dataset
from colorization.models.predictor import SETTINGS, Predictor
from colorization.models.registry import find_model, is_bundle, list_shipped
from colorization.settings.compose import parse_part
from colorization.settings.run_files import BASELINES_FILE, CHECKPOINTS
from colorization.training.colorizer import build_colorizer

log = logging.getLogger(__name__)

BATCH = 64  # photographs that baselines are fitted to at a time


class TrainingSet(NamedTuple):
    """What a model was trained on.

    ``seen`` has the digests of its train and val pictures; ``missing`` says why there are no
    baselines, if there are none.
    """

    name: str
    baselines: nn.ModuleDict
    seen: frozenset[str]
    missing: str


class EvaluatedModel(NamedTuple):
    """A model, its name in the tables, and the size that it works at.

    ``settings`` are those that its run was made with, as far as they are known. ``dataset`` has
    the settings that a checkpoint stores; :func:`resolve_dataset` checks them. A bundle has none.
    """

    label: str
    path: Path
    predictor: Predictor
    size: int
    epoch: int | None
    settings: Mapping[str, Any]
    dataset: Mapping[str, Any] | None
    training: TrainingSet


def load_models(
    models: Sequence[str], data_dir: str, device: torch.device, named: Sequence[str] | None = None
) -> list[EvaluatedModel]:
    """Read checkpoints and bundles, with the baselines of what each checkpoint was trained on.

    Args:
        models: paths, and names of shipped models.
        named: datasets and folders that the user has named.

    Raises:
        InputError: for what is no checkpoint or bundle, or cannot be built.
    """
    paths = [find_model(model) for model in models]
    for path in paths:
        if path.suffix == ".onnx":
            raise InputError(
                f"{path} is an ONNX file; give the checkpoint or bundle that it was made from"
            )
    found: dict[str, TrainingSet] = {}
    loaded: list[EvaluatedModel] = []
    for path, label in zip(paths, choose_labels(models), strict=True):
        model = (
            load_bundle(path, label)
            if is_bundle(path)
            else load_checkpoint(path, label, found, data_dir, named)
        )
        model.training.baselines.to(device)
        model.predictor.to(device).network.to(memory_format=torch.channels_last)
        loaded.append(model)
    return loaded


def load_checkpoint(
    path: Path,
    label: str,
    found: dict[str, TrainingSet],
    data_dir: str,
    named: Sequence[str] | None,
) -> EvaluatedModel:
    """Read a checkpoint; a training set that several have is kept in ``found``."""
    checkpoint = read_checkpoint(path)
    colorizer = build_colorizer(checkpoint, path)
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
        found[key] = TrainingSet(name, baselines, seen, missing)
    epoch = checkpoint["epoch"] + 1
    settings = dict(colorizer.hparams)
    return EvaluatedModel(
        label, path, colorizer, size, epoch, settings, stored["dataset"], found[key]
    )


def load_bundle(path: Path, label: str) -> EvaluatedModel:
    """Read a bundle: it has neither tables nor a record of the photographs it has seen."""
    predictor, about, _ = read_bundle(path)
    trained = about["training"]
    missing = (
        f"{path} is a bundle: it has no tables of averages, and no record of the photographs it "
        "was trained on, so some of them may be scored."
    )
    log.warning(missing)
    settings = {part: about[part] for part in SETTINGS if about[part] is not None}
    training = TrainingSet(trained["dataset"], nn.ModuleDict(), frozenset(), missing)
    return EvaluatedModel(
        label, path, predictor, about["size"], trained.get("epoch"), settings, None, training
    )


def list_training_sets(models: Iterable[EvaluatedModel]) -> dict[str, EvaluatedModel]:
    """Return a checkpoint of each training set, by that one's name."""
    return {model.training.name: model for model in models if model.dataset}


def choose_labels(models: Sequence[str]) -> list[str]:
    """Name models: shipped ones as they are, the others by the last two folders of their runs.

    If those are alike, it is by more folders.
    """
    shipped = list_shipped()
    parts = [(model,) if model in shipped else split_run(Path(model).resolve()) for model in models]
    for depth in range(2, max(2, *map(len, parts)) + 1):
        short = ["/".join(names[-depth:]) for names in parts]
        if len(set(short)) == len(short):
            return short
    raise InputError(f"the same model is given twice: {', '.join(models)}")


def split_run(path: Path) -> tuple[str, ...]:
    """Return the folders of a run, and the checkpoint's name unless it is the best."""
    if path.is_dir():  # a bundle
        return path.parts[1:]
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
