"""Score every predictor on every photograph of a track, a batch at a time."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.color import LabBatch, from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from src.evaluation.clock import Clock
from src.evaluation.datasets import Scored, Track, ahead
from src.evaluation.measures import REBALANCED, Measures, warn_of_few
from src.evaluation.mistakes import Mistakes
from src.evaluation.predictors import TRUTH, Predictor
from src.evaluation.scores import ScoreFile, Scores
from src.metrics import Measure, paired
from src.metrics.auc import class_weights, rarity
from src.metrics.realism import Realism

OF_TRUTH = ("colorfulness",)
"""Measures that say something of the true photographs themselves."""


class TrackResult(NamedTuple):
    """What was found in a track: scores and mistakes of every predictor and of the truth."""

    track: Track
    scores: Scores
    mistakes: dict[str, Mistakes]
    realism: dict[str, dict[str, float]]


class Scorer(NamedTuple):
    """Scores tracks; ``progress`` wraps what is gone through, under a description."""

    measures: Measures
    batch_size: int
    device: torch.device
    file: ScoreFile
    clock: Clock
    progress: Callable[[Sequence[list[str]], str], Iterable[list[str]]]

    @torch.no_grad()
    def score(self, scored: Scored, track: Track, rows: Sequence[Predictor]) -> TrackResult:
        """Go through a dataset's scored photographs once.

        Photographs in their own resolution are taken one at a time. A few batches are in memory,
        and a number a photograph, predictor and metric.
        """
        rows = [*rows, Predictor(TRUTH, lambda truth: truth.ab)]
        weights = class_weights(scored.shares[track])
        measures = self.measures.in_track(weights)
        of_truth = {name: measures[name] for name in OF_TRUTH if name in measures}
        realism = {row.name: Realism(self.measures.realism) for row in rows}
        result = TrackResult(track, Scores(list(measures)), {r.name: Mistakes() for r in rows}, {})
        size = 1 if track.size is None else self.batch_size
        parts = [scored.names[i : i + size] for i in range(0, len(scored.names), size)]

        def read(names: list[str]) -> Tensor:
            return torch.stack([scored.dataset.read(name, track.size) for name in names])

        pictures = self.clock.waiting("reading", ahead(read, parts))
        with ThreadPoolExecutor(os.cpu_count(), "score", torch.set_num_threads, (1,)) as pool:
            description = f"{scored.label}, {track.name}"
            for names, rgb in zip(self.progress(parts, description), pictures, strict=True):
                rgb = rgb.to(self.device)
                truth = rgb_to_lab(from_uint8(rgb))
                predicted = self.predict(rows, truth)
                if REBALANCED in measures:
                    rare = rarity(truth.ab, weights).cpu().numpy()
                    result.scores.weigh({REBALANCED: rare})
                with self.clock.stage("metrics"):
                    works = {
                        name: pool.submit(
                            measured,
                            *(ab, truth, rgb),
                            of_truth if name == TRUTH else measures,
                            result.mistakes[name],
                        )
                        for name, ab in predicted.items()
                    }
                    for name, work in works.items():
                        if values := work.result():
                            result.scores.add(name, values)
                            self.file.add(scored.label, track.name, name, names, values)
                self.compare_sets(realism, predicted, truth, rgb)
        count = len(scored.names)
        warn_of_few(self.measures.realism, count)
        result.realism.update({name: each.compute(count) for name, each in realism.items()})
        return result

    def predict(self, rows: Sequence[Predictor], truth: LabBatch) -> dict[str, Tensor]:
        """Every row's ab (B,2,H,W)."""
        predicted = {}
        for row in rows:
            with self.clock.stage("networks" if row.model else "baselines"):
                predicted[row.name] = row.predict(truth)
        return predicted

    def compare_sets(
        self,
        realism: Mapping[str, Realism],
        predicted: Mapping[str, Tensor],
        truth: LabBatch,
        rgb: Tensor,
    ) -> None:
        """Take a batch into FID and KID, if they were asked for."""
        if self.measures.inception is None:
            return
        with self.clock.stage("FID and KID"):
            true_features = self.measures.inception(rgb)
            for name, each in realism.items():
                shown = to_uint8(lab_to_rgb(truth.L, predicted[name]))
                each.update(self.measures.inception(shown), true_features)


def measured(
    ab: Tensor, truth: LabBatch, rgb: Tensor, measures: Mapping[str, Measure], mistakes: Mistakes
) -> dict[str, np.ndarray]:
    """Values (B,) of each measure of predicted ab (B,2,H,W); the mistakes are taken note of."""
    mistakes.update(ab, truth)
    pair = paired(ab, truth, rgb)
    return {name: np.asarray(measure(pair).cpu()) for name, measure in measures.items()}
