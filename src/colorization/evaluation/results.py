"""Turn scores into the numbers that ``results.json`` holds and the report shows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from colorization.data.synthetic import SyntheticScenes
from colorization.evaluation.datasets import ScoredPhotographs
from colorization.evaluation.mistakes import CLASSES
from colorization.evaluation.models import EvaluatedModel
from colorization.evaluation.rows import GRAY, OWN_MEAN, name_baselines
from colorization.evaluation.scoring import TrackResult
from colorization.models.bundle import describe_predictor


class DatasetResult(NamedTuple):
    """A dataset's photographs and the results of each track."""

    photographs: ScoredPhotographs
    tracks: list[TrackResult]


def summarize(results: Sequence[DatasetResult], models: Sequence[EvaluatedModel]) -> dict[str, Any]:
    """Return all numbers as plain dicts: by model, and by dataset, track and row."""
    return {
        "checkpoints": {
            model.label: {
                "path": str(model.path),
                "epoch": model.epoch,
                "size": model.size,
                "trained_on": model.training.name,
                "missing": model.training.missing,
                **describe_predictor(model.predictor),
            }
            for model in models
        },
        "datasets": {
            result.photographs.label: summarize_dataset(result, models) for result in results
        },
    }


def summarize_dataset(result: DatasetResult, models: Sequence[EvaluatedModel]) -> dict[str, Any]:
    photographs = result.photographs
    found = {
        "photographs": len(photographs.names),
        "near_gray": photographs.near_gray,
        "trained_on": photographs.seen,
        "unusable": photographs.unusable,
        "native_is_own": photographs.native_is_own,
        "hue_classes": list(CLASSES),
        "tracks": {track.track.name: summarize_track(track, models) for track in result.tracks},
    }
    is_whole = not (photographs.seen or photographs.near_gray)
    if isinstance(photographs.dataset, SyntheticScenes) and is_whole:
        found["best_possible_mse"] = photographs.dataset.best_mse("test")
    return found


def summarize_track(found: TrackResult, models: Sequence[EvaluatedModel]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name in found.scores.rows:
        estimates = found.scores.estimate(name)
        scores[name] = {metric: estimate._asdict() for metric, estimate in estimates.items()}
        distances = found.realism.get(name, {})
        scores[name] |= {metric: {"mean": value} for metric, value in distances.items()}
    # By model, placing and number of spots; 0 is without hints.
    curves: dict[str, dict[str, dict[int, Any]]] = {}
    for name, (label, placing, number) in found.hints.items():
        curve = curves.setdefault(label, {}).setdefault(placing, {0: scores[label]})
        curve[number] = scores.pop(name)
    present = [model for model in models if model.label in scores]
    return {
        "title": found.track.title,
        "scores": scores,
        "against_baselines": {m.label: compare_with_baselines(found, m) for m in present},
        "hues": {name: found.mistakes[name].hues() for name in scores},
        "hints": curves,
        "confusion": {m.label: found.mistakes[m.label].confusion.tolist() for m in present},
    }


def compare_with_baselines(found: TrackResult, model: EvaluatedModel) -> dict[str, Any]:
    """Find the baseline of the model's training set with the least MSE.

    Returns:
        Its name, and the shares of the error of it, of gray and of the best constant that the
        model removes.
    """
    baselines = [GRAY, *name_baselines(model.training)]
    best = min(baselines, key=lambda name: found.scores.column(name, "mse").mean())
    rows = {"removed": best, "removed_of_gray": GRAY, "removed_of_constant": OWN_MEAN}
    return {"baseline": best} | {
        key: found.scores.estimate_error_removed(model.label, row)._asdict()
        for key, row in rows.items()
    }


def to_json_values(value: Any) -> Any:
    """Replace what is not finite in nested values by None, as JSON needs it."""
    if isinstance(value, Mapping):
        return {key: to_json_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_values(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
