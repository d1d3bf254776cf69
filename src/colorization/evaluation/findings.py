"""From scores to what ``results.json`` holds and the report shows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from colorization.data.synthetic import SyntheticScenes
from colorization.evaluation.datasets import Scored
from colorization.evaluation.mistakes import CLASSES
from colorization.evaluation.models import Model
from colorization.evaluation.predictors import GRAY, OWN_MEAN, fitted_rows
from colorization.evaluation.scores import Estimate
from colorization.evaluation.scoring import TrackResult


class DatasetResult(NamedTuple):
    """A dataset's photographs and what was found on them in each track."""

    scored: Scored
    tracks: list[TrackResult]


def findings(results: Sequence[DatasetResult], models: Sequence[Model]) -> dict[str, Any]:
    """All numbers, as plain dicts: by dataset, track and predictor."""
    return {
        "checkpoints": {
            model.label: {
                "path": str(model.path),
                "epoch": model.epoch,
                "size": model.size,
                "trained_on": model.training.name,
                "missing": model.training.missing,
            }
            for model in models
        },
        "datasets": {result.scored.label: of_dataset(result, models) for result in results},
    }


def of_dataset(result: DatasetResult, models: Sequence[Model]) -> dict[str, Any]:
    scored = result.scored
    tracks = {}
    for track in result.tracks:
        scores = {
            name: as_dicts(track.scores.summary(name))
            | {metric: {"mean": value} for metric, value in track.realism.get(name, {}).items()}
            for name in track.scores.rows
        }
        hinted = {name: scores.pop(name) for name in track.hinted}
        tracks[track.track.name] = {
            "title": track.track.title,
            "scores": scores,
            "against_baselines": {
                model.label: against_baseline(track, model)
                for model in models
                if model.label in scores
            },
            "hues": {name: track.mistakes[name].hues() for name in scores},
            "hints": hint_curves(track, scores, hinted),
            "confusion": {
                model.label: track.mistakes[model.label].confusion.tolist()
                for model in models
                if model.label in scores
            },
        }
    found = {
        "photographs": len(scored.names),
        "near_gray": scored.near_gray,
        "trained_on": scored.seen,
        "unusable": scored.unusable,
        "native_is_own": scored.native_is_own,
        "hue_classes": list(CLASSES),
        "tracks": tracks,
    }
    if isinstance(scored.dataset, SyntheticScenes) and not (scored.seen or scored.near_gray):
        found["best_possible_mse"] = scored.dataset.best_mse("test")
    return found


def hint_curves(
    track: TrackResult, scores: Mapping[str, Any], hinted: Mapping[str, Any]
) -> dict[str, dict[str, dict[int, Any]]]:
    """Scores by model, by how spots are placed, and by how many there are: 0 is automatic."""
    curves: dict[str, dict[str, dict[int, Any]]] = {}
    for name, (label, placing, number) in track.hinted.items():
        curve = curves.setdefault(label, {}).setdefault(placing, {0: scores[label]})
        curve[number] = hinted[name]
    return curves


def against_baseline(track: TrackResult, model: Model) -> dict[str, Any]:
    """The baseline, fitted on what a model has learned from, with the least MSE, and the share of
    its error that the model removes; of gray and of the best constant, too."""
    trivial = [GRAY, *fitted_rows(model.training)]
    best = min(trivial, key=lambda name: track.scores.column(name, "mse").mean())
    return {
        "baseline": best,
        "removed": track.scores.error_removed(model.label, best)._asdict(),
        "removed_of_gray": track.scores.error_removed(model.label, GRAY)._asdict(),
        "removed_of_constant": track.scores.error_removed(model.label, OWN_MEAN)._asdict(),
    }


def as_dicts(summary: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {metric: estimate._asdict() for metric, estimate in summary.items()}


def strict(value: Any) -> Any:
    """Nested values as JSON knows them: null for what is not finite."""
    if isinstance(value, Mapping):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
