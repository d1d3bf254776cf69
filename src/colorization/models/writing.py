"""Write a bundle: the model, what is known of it, and its card."""

import json
from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
from pydantic import Field, FiniteFloat
from torch import Tensor
from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.files.atomic import replacing
from colorization.models.bundle import CARD, CHECKSUMS, WEIGHTS, Described, sha256
from colorization.models.card import card, licences
from colorization.models.predictor import PARTS, Predictor
from colorization.models.registry import DESCRIPTION
from colorization.models.results import check_kinds, read_json


class Mean(TypedDict):
    """A score over photographs; none where it is not finite."""

    mean: FiniteFloat | None


class Track(TypedDict):
    """Scores by row and metric."""

    scores: dict[str, dict[str, Mean]]


class OfDataset(TypedDict):
    """What was found on a dataset."""

    tracks: Annotated[dict[str, Track], Field(min_length=1)]


class Evaluated(TypedDict):
    """What a card takes out of an evaluation's results."""

    checkpoints: Annotated[dict[str, Any], Field(min_length=1)]
    datasets: dict[str, OfDataset]


def write_bundle(model: Described, folder: Path, precision: str) -> None:
    """Write a bundle, whole or not at all.

    Args:
        precision: of the trained weights: ``half`` or ``single``. Statistics are always single.

    Raises:
        InputError: if the folder is there, or a weight is too large for half precision.
    """
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it, or set output to another")
    more = {"precision": precision, "licences": licences(model.about)}
    about = dict(model.about) | more
    with replacing(folder) as beside:
        beside.mkdir()
        weights = stored(model.predictor, precision)
        (beside / WEIGHTS).write_bytes(safetensors.torch.save(weights))
        (beside / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n")
        (beside / CARD).write_text(card(about), encoding="utf-8")
        sums = (f"{sha256(beside / name)}  {name}\n" for name in (WEIGHTS, DESCRIPTION, CARD))
        (beside / CHECKSUMS).write_text("".join(sums))


def stored(predictor: Predictor, precision: str) -> dict[str, Tensor]:
    """What a model predicts with, by name."""
    parts = {name: part for name, part in predictor.named_children() if name in PARTS}
    trained = {f"{part}.{name}" for part in parts for name, _ in parts[part].named_parameters()}
    weights = {}
    for part, module in parts.items():
        for name, value in module.state_dict().items():
            key = f"{part}.{name}"
            is_half = precision == "half" and key in trained
            weights[key] = (value.half() if is_half else value).cpu().contiguous()
            if not weights[key].isfinite().all():
                raise InputError(f"{key} is not finite in half precision; set precision=single")
    return weights


def scores_of(evaluation: Path) -> dict[str, Any]:
    """Scores of each dataset at the model's own size, out of an evaluation's ``results.json``.

    Raises:
        InputError: if it is none, or of several checkpoints.
    """
    try:
        found = read_json(evaluation)
        check_kinds(found, Evaluated, evaluation)
    except (OSError, InputError) as error:
        raise InputError(f"{evaluation} is not a results.json of src.evaluate: {error}") from error
    label, *others = found["checkpoints"]
    if others:
        raise InputError(f"{evaluation} is of several checkpoints; evaluate {label} alone")
    return {
        dataset: {
            row_title(row, label): {
                name: s["mean"] for name, s in scores.items() if s["mean"] is not None
            }
            for row, scores in next(iter(about["tracks"].values()))["scores"].items()
        }
        for dataset, about in found["datasets"].items()
    }


def row_title(row: str, label: str) -> str:
    """A row's name in a card, where the checkpoint is the model."""
    return {label: "this model", f"ceiling of {label}": "ceiling"}.get(row, row)
