"""Score checkpoints and trivial baselines on datasets, and write the report."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.loggers import TensorBoardLogger

from colorization.errors import interruptible
from colorization.evaluation.clock import Clock
from colorization.evaluation.datasets import Entry, Track, open_datasets, survey
from colorization.evaluation.findings import DatasetResult, findings, strict
from colorization.evaluation.gallery import gallery
from colorization.evaluation.hinted import hinted_rows
from colorization.evaluation.measures import check_known, choose_measures
from colorization.evaluation.models import Model, load_models
from colorization.evaluation.page import html_report, markdown_report, network_pictures, track_of
from colorization.evaluation.predictors import network_row, predictors
from colorization.evaluation.scores import ScoreFile
from colorization.evaluation.scoring import Scorer
from colorization.files.atomic import open_text, replacing, write_text
from colorization.models.hardware import Hardware, keep_freed_memory, resolve
from colorization.models.results import environment
from colorization.reports.progress import telling
from colorization.settings.commands import Evaluate
from colorization.settings.compare import flat
from colorization.settings.compose import plain

log = logging.getLogger(__name__)


@interruptible()
def evaluate(settings: Evaluate, folder: Path) -> dict[str, Any]:
    """Score by ``settings`` and write the report into ``folder``.

    Returns:
        What its ``results.json`` holds.

    Raises:
        InputError: for a checkpoint, dataset, metric or device that cannot be used.
    """
    torch.manual_seed(0)
    clock = Clock()
    hardware = resolve(settings.accelerator, settings.precision)
    keep_freed_memory()
    check_known(settings.metrics)
    with clock.stage("checkpoints and what they were trained on"):
        models = load_models(
            settings.checkpoint, settings.data_dir, hardware.device, settings.datasets
        )
    for model in models:
        model.colorizer.decode_otherwise(settings.flip_average, settings.temperature)
    entries = open_datasets(settings.datasets, models, settings.data_dir)
    on = ", ".join(entry.label for entry in entries)
    log.info("scoring on %s, %s in %s", on, hardware.accelerator, hardware.precision)
    measures = choose_measures(settings.metrics, hardware.device)
    with replacing(folder / "scores.csv") as beside, open_text(beside) as file:
        scores = ScoreFile(file, list(measures.by_photograph))
        scorer = Scorer(measures, settings.batch_size, hardware.device, scores, clock)
        results = [score_dataset(entry, settings, models, hardware, scorer) for entry in entries]
    with clock.stage("intervals"), telling(lambda: "working out the intervals"):
        numbers = findings(results, models)
    with clock.stage("pictures and charts"), telling(lambda: "drawing pictures and charts"):
        pictures = {
            (result.scored.label, model.label): draw(result, model, numbers, hardware)
            for result in results
            for model in models
        }
    found: dict[str, Any] = strict(numbers) | {
        "missing": measures.missing,
        "config": plain(settings),
        "environment": environment(hardware),
        "seconds": dict(clock.seconds),
    }
    write_text(html_report(found, pictures), folder / "report.html")
    write_text(markdown_report(found), folder / "report.md")
    write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", folder / "results.json")
    log_to_tensorboard(found, models, folder)
    return found


def score_dataset(
    entry: Entry,
    settings: Evaluate,
    models: Sequence[Model],
    hardware: Hardware,
    scorer: Scorer,
) -> DatasetResult:
    """Survey a dataset, then score it in every track that is wanted, with hints at own size."""
    wanted = settings.tracks
    own = [Track(size) for size in dict.fromkeys(model.size for model in models)]
    tracks = (own if "own" in wanted else []) + ([Track(None)] if "native" in wanted else [])
    with scorer.clock.stage("survey"):
        scored = survey(entry, tracks, models)
    found = []
    for kind in own if scored.native_is_own else tracks:
        present = [model for model in models if kind.size in (None, model.size)]
        rows = predictors(present, scored.mean(kind), hardware, kind)
        if kind.size:
            rows += [
                row for model in present for row in hinted_rows(model, settings.hints, hardware)
            ]
        found.append(scorer.score(scored, kind, rows))
    return DatasetResult(scored, found)


def draw(
    result: DatasetResult, model: Model, numbers: Mapping[str, Any], hardware: Hardware
) -> dict[str, Any]:
    """The pictures of a network on a dataset, in the first track that it is in."""
    found = track_of(model, result)
    mse = found.scores.column(model.label, "mse")
    row = network_row(model, hardware, found.track)
    exhibits = gallery(result.scored, found.track, row, mse, hardware.device)
    about = numbers["datasets"][result.scored.label]["tracks"][found.track.name]
    best = about["against_baselines"][model.label]["baseline"]
    return network_pictures(model, found, best, exhibits)


def log_to_tensorboard(found: Mapping[str, Any], models: Sequence[Model], folder: Path) -> None:
    """An entry of the hyperparameter tab for every checkpoint on every dataset in every track."""
    for model in models:
        parts = flat(dict(model.colorizer.hparams))
        for dataset, about in found["datasets"].items():
            for track_name, numbers in about["tracks"].items():
                if model.label not in numbers["scores"]:
                    continue
                scores = numbers["scores"][model.label]
                means = {f"evaluate/{metric}": scores[metric]["mean"] for metric in scores}
                means = {name: mean for name, mean in means.items() if mean is not None}
                run = f"{model.label} on {dataset}, {track_name}".replace("/", "_")
                logger = TensorBoardLogger(folder, "tensorboard", run, default_hp_metric=False)
                where = {"checkpoint": model.label, "dataset": dataset, "track": track_name}
                logger.log_hyperparams(where | parts, means)
                logger.finalize("success")
