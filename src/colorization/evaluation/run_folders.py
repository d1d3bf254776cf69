"""Score folders of pictures by a protocol, and write the report: what the command does."""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from colorization import __version__
from colorization.data.photographs import fingerprint
from colorization.errors import InputError, interruptible
from colorization.evaluation.features import FeatureFile
from colorization.evaluation.folder_report import write_folder_report
from colorization.evaluation.folder_results import summarize_folders
from colorization.evaluation.folders import Folders, parse_methods
from colorization.evaluation.foreign import ForeignModel, find_signature
from colorization.evaluation.measures import choose_measures
from colorization.evaluation.protocols import Protocol, check_same, read_protocol, read_published
from colorization.evaluation.results import to_json_values
from colorization.evaluation.score_folders import (
    MODEL,
    Predictor,
    fit_tables,
    make_scorer,
    read_scored,
    score_all,
    survey,
)
from colorization.files.atomic import held, write_text
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.metrics.realism import REALISM
from colorization.models.hardware import keep_freed_memory
from colorization.models.registry import find_model
from colorization.models.results import read_json

log = logging.getLogger(__name__)

SCORES = "scores.json"


class FolderSettings(NamedTuple):
    """What the command was asked for; see its help."""

    predictions: Sequence[str]
    truth: Path
    protocol: str
    output: Path | None
    training: Path | None
    trained_on: Path | None
    models: Sequence[str]
    signature: str | None
    beside: Sequence[str]
    alexnet: Path | None = None
    inception: Path | None = None


@interruptible()
def score_folders(settings: FolderSettings) -> tuple[dict[str, Any], Path]:
    """Score folders and write ``report.html``, ``scores.json``, ``tables.md`` and ``tables.tex``.

    Returns:
        What ``scores.json`` holds, and the folder of the report.

    Raises:
        InputError: for what cannot be read or matched.
    """
    keep_freed_memory()
    protocol = read_protocol(settings.protocol)
    for option, path, of in (
        ("--alexnet", settings.alexnet, ("lpips",)),
        ("--inception", settings.inception, REALISM),
    ):
        if path and not set(of) & set(protocol.metrics):
            raise InputError(
                f"{option} is for {' and '.join(of)}, which the protocol {protocol.name} does not "
                "have; name another --protocol, or a .yaml of your own with these metrics"
            )
    folders = Folders.open(settings.truth, parse_methods(settings.predictions))
    others = {path: read_scores(Path(path)) for path in settings.beside}
    surveyed = survey(folders, protocol, settings.trained_on)
    chosen = choose_measures(
        protocol.metrics, torch.device("cpu"), settings.alexnet, settings.inception
    )
    more = load_predictors(settings)
    scorer = make_scorer(folders, protocol, surveyed, chosen, more)
    about = describe_call(settings, folders, protocol, [*scorer.predictors], surveyed.digests)
    about |= {"weights": {name: each.sha256 for name, each in chosen.weights.items()}}
    folder = settings.output or Path("outputs/scores") / f"{protocol.name}-{fingerprint(about)[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder) as is_ours:
        if not is_ours:
            raise InputError(f"another process is scoring in {folder}; wait for it to end")
        path = folder / "scores.jsonl"
        read_scored(path, about)  # refuses those of another evaluation
        if chosen.inception:
            rows = [*scorer.predictors, *folders.methods]
            scorer = scorer._replace(
                features=FeatureFile(
                    folder / "features.npy", surveyed.keys, rows, chosen.inception, chosen.realism
                )
            )
        scored = score_all(scorer, about, surveyed.keys, path)
        found = summarize_folders(
            folders, protocol, surveyed, scored, scorer.features, chosen.weights
        )
        found |= {"missing": chosen.missing, "published": read_published(protocol)}
        results: dict[str, Any] = to_json_values(found)
        if others:
            check_same({str(folder / SCORES): results, **others})
            results["beside"] = {
                path: other["tables"][0]["scores"] for path, other in others.items()
            }
        write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", folder / SCORES)
        write_folder_report(results, scored, scorer, folder)
    return results, folder


def describe_call(
    settings: FolderSettings,
    folders: Folders,
    protocol: Protocol,
    predictors: Sequence[str],
    digests: Sequence[str],
) -> dict[str, Any]:
    """Return what scores depend on, but for the files themselves."""
    return {
        "protocol": protocol.digest,
        "truth": str(folders.truth.resolve()),
        "methods": {name: str(path.resolve()) for name, path in folders.methods.items()},
        "rows": list(predictors),
        "version": __version__,
        "models": [stamp_files(find_model(name)) for name in settings.models],
        "signature": settings.signature,
        "training": settings.training and stamp_files(settings.training),
        "photographs": fingerprint(list(digests)),
    }


def stamp_files(path: Path) -> str:
    """Return a text that changes when a file, or one in a folder, is another."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{path.resolve()} {fingerprint(stats)}"


def read_scores(path: Path) -> dict[str, Any]:
    """Read what an earlier call wrote.

    Raises:
        InputError: if it is something else.
    """
    found = read_json(path)
    if not isinstance(found, Mapping) or not {"protocol", "photographs", "tables"} <= found.keys():
        raise InputError(f"{path} is no scores.json of folders; give one that this command wrote")
    return dict(found)


def load_predictors(settings: FolderSettings) -> dict[str, Predictor]:
    """Load models, and fit tables to a training folder, by the names of their rows."""
    found = fit_tables(settings.training) if settings.training else {}
    for name in settings.models:
        path = find_model(name)
        label = MODEL + Path(name).stem
        signature = settings.signature or find_signature(path)
        if signature:
            found[label] = ForeignModel(path, signature)
        else:
            found[label] = partial(color_gray, PhotoColorizer.load(name, device="cpu"))
    return found


def color_gray(colorizer: PhotoColorizer, L: Tensor, gray: Tensor) -> Tensor:
    """Colour a gray picture, uint8 (1,3,H,W), as ``colorization colorize`` does."""
    colored = colorizer.colorize(np.ascontiguousarray(gray[0].permute(1, 2, 0).numpy()))
    return torch.from_numpy(colored).permute(2, 0, 1)[None]
