"""Score models and trivial baselines on datasets, and write the report."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.profilers import SimpleProfiler

from colorization.errors import interruptible
from colorization.evaluation.datasets import DatasetSplit, Track, open_datasets, survey_dataset
from colorization.evaluation.measures import check_metrics, choose_measures
from colorization.evaluation.models import EvaluatedModel, load_models
from colorization.evaluation.pictures import draw_network
from colorization.evaluation.report import write_html, write_markdown
from colorization.evaluation.results import DatasetResult, summarize, to_json_values
from colorization.evaluation.rows import list_rows, make_hint_rows, make_network_row
from colorization.evaluation.scores import ScoreFile
from colorization.evaluation.scoring import Scorer
from colorization.files.atomic import open_text, replacing, write_text
from colorization.models.hardware import Hardware, keep_freed_memory, resolve
from colorization.models.results import describe_environment
from colorization.reports.progress import telling
from colorization.settings.commands import Evaluate
from colorization.settings.compare import flatten
from colorization.settings.compose import to_dict

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
    profiler = SimpleProfiler()
    hardware = resolve(settings.accelerator, settings.precision)
    keep_freed_memory()
    check_metrics(settings.metrics)
    with profiler.profile("checkpoints and what they were trained on"):
        models = load_models(
            settings.checkpoint, settings.data_dir, hardware.device, settings.datasets
        )
    for model in models:
        model.predictor.set_decoding(
            flip_average=settings.flip_average, temperature=settings.temperature
        )
    splits = open_datasets(settings.datasets, models, settings.data_dir)
    on = ", ".join(split.label for split in splits)
    log.info("scoring on %s, %s in %s", on, hardware.accelerator, hardware.precision)
    measures = choose_measures(
        settings.metrics,
        hardware.device,
        *(
            Path(path).expanduser() if path else None
            for path in (settings.alexnet, settings.inception)
        ),
    )
    with replacing(folder / "scores.csv") as beside, open_text(beside) as file:
        scores = ScoreFile(file, list(measures.by_photograph))
        scorer = Scorer(measures, settings.batch_size, hardware.device, scores, profiler)
        found = [score_dataset(split, settings, models, hardware, scorer) for split in splits]
    with profiler.profile("intervals"), telling(lambda: "computing the intervals"):
        numbers = summarize(found, models)
    with profiler.profile("pictures and charts"), telling(lambda: "drawing pictures and charts"):
        pictures = draw_all(found, models, numbers, hardware)
    durations = profiler.recorded_durations.items()
    results: dict[str, Any] = to_json_values(numbers) | {
        "missing": measures.missing,
        "weights": {name: each._asdict() for name, each in measures.weights.items()},
        "config": to_dict(settings),
        "environment": describe_environment(hardware),
        "seconds": {stage: sum(seconds) for stage, seconds in durations},
    }
    write_text(write_html(results, pictures), folder / "report.html")
    write_text(write_markdown(results), folder / "report.md")
    write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", folder / "results.json")
    log_to_tensorboard(results, models, folder)
    return results


def score_dataset(
    split: DatasetSplit,
    settings: Evaluate,
    models: Sequence[EvaluatedModel],
    hardware: Hardware,
    scorer: Scorer,
) -> DatasetResult:
    """Survey a dataset, then score it in the chosen tracks; hints are scored at own size."""
    own = [Track(size) for size in dict.fromkeys(model.size for model in models)]
    tracks = own if "own" in settings.tracks else []
    if "native" in settings.tracks:
        tracks = [*tracks, Track(None)]
    with scorer.profiler.profile("survey"):
        photographs = survey_dataset(split, tracks, models)
    found = []
    for track in own if photographs.native_is_own else tracks:
        present = [model for model in models if track.size in (None, model.size)]
        rows = list_rows(present, photographs.mean_ab(track), hardware, track)
        if track.size:
            for model in present:
                rows += make_hint_rows(model, settings.hints, hardware)
        found.append(scorer.score(photographs, track, rows))
    return DatasetResult(photographs, found)


def draw_all(
    found: Sequence[DatasetResult],
    models: Sequence[EvaluatedModel],
    numbers: Mapping[str, Any],
    hardware: Hardware,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Draw the pictures of each network on each dataset, in the first track that it is in."""
    pictures = {}
    for photographs, tracks in found:
        about = numbers["datasets"][photographs.label]["tracks"]
        for model in models:
            track = next(track for track in tracks if model.label in track.scores.rows)
            best = about[track.track.name]["against_baselines"][model.label]["baseline"]
            row = make_network_row(model, hardware, track.track)
            drawn = draw_network(photographs, track, row, best, hardware.device)
            pictures[photographs.label, model.label] = drawn
    return pictures


def log_to_tensorboard(
    results: Mapping[str, Any], models: Sequence[EvaluatedModel], folder: Path
) -> None:
    """Log each checkpoint on each dataset and track as an entry of the hyperparameter tab."""
    for model in models:
        parts = flatten(dict(model.settings))
        for dataset, about in results["datasets"].items():
            for track_name, numbers in about["tracks"].items():
                if model.label not in numbers["scores"]:
                    continue
                scores = numbers["scores"][model.label].items()
                means = {f"evaluate/{metric}": estimate["mean"] for metric, estimate in scores}
                known = {name: mean for name, mean in means.items() if mean is not None}
                run = f"{model.label} on {dataset}, {track_name}".replace("/", "_")
                logger = TensorBoardLogger(folder, "tensorboard", run, default_hp_metric=False)
                where = {"checkpoint": model.label, "dataset": dataset, "track": track_name}
                logger.log_hyperparams(where | parts, known)
                logger.finalize("success")
