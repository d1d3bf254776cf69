"""Score every predictor on every photograph of a track, a batch at a time."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from colorization.color import LabBatch
from colorization.data.photographs import UnusablePhotographError, read_ahead
from colorization.errors import InputError
from colorization.evaluation.clock import Clock
from colorization.evaluation.datasets import Scored, Track
from colorization.evaluation.measures import REBALANCED, Measures, warn_of_few
from colorization.evaluation.mistakes import Mistakes
from colorization.evaluation.predictors import TRUTH, Hinted, Predictor
from colorization.evaluation.scores import RARITY, ScoreFile, Scores
from colorization.metrics import Measure, Pair
from colorization.metrics.auc import class_weights, rarity
from colorization.metrics.realism import Realism
from colorization.reports.progress import shown

OF_TRUTH = ("colorfulness",)
"""Measures that say something of the true photographs themselves."""
LARGE = 2_000_000  # pixels of a batch: above it, one row at a time is in memory


class TrackResult(NamedTuple):
    """What was found in a track: scores and mistakes of every predictor and of the truth.

    ``hinted`` says of some what hints they had.
    """

    track: Track
    scores: Scores
    mistakes: dict[str, Mistakes]
    realism: dict[str, dict[str, float]]
    hinted: dict[str, Hinted]


class Batch(NamedTuple):
    """Photographs of a track by name: uint8 (B,3,H,W) and in CIE units."""

    names: list[str]
    rgb: Tensor
    truth: LabBatch
    track: Track

    def paired(self, ab: Tensor) -> Pair:
        """Predicted ab (B,2,H,W) beside the truth."""
        return Pair(ab, self.track.shown(self.truth.L, ab), self.truth, self.rgb)


class Scorer(NamedTuple):
    """Scores tracks."""

    measures: Measures
    batch_size: int
    device: torch.device
    file: ScoreFile
    clock: Clock

    @torch.no_grad()
    def score(self, scored: Scored, track: Track, rows: Sequence[Predictor]) -> TrackResult:
        """Go through a dataset's scored photographs once.

        Photographs in their own resolution are taken one at a time. A few batches are in memory,
        and a number a photograph, predictor and metric.
        """
        rows = [*rows, Predictor(TRUTH, lambda truth: truth.ab)]
        weights = class_weights(scored.shares[track])
        measures = self.measures.in_track(weights)
        realism = {row.name: Realism(self.measures.realism) for row in rows if row.name != TRUTH}
        mistakes = {row.name: Mistakes() for row in rows}
        hinted = {row.name: row.hinted for row in rows if row.hinted}
        result = TrackResult(track, Scores(list(measures)), mistakes, {}, hinted)
        with threads_of_one() as pool:
            for batch in self.batches(scored, track):
                weight = rarity(batch.truth.ab, weights).cpu().numpy()
                if REBALANCED in measures:
                    result.scores.weigh({REBALANCED: weight})
                for name, values in self.values(rows, batch, measures, result, realism, pool):
                    if values:
                        result.scores.add(name, values)
                        place = (scored.label, track.name, name)
                        self.file.add(place, batch.names, {**values, RARITY: weight})
        count = len(scored.names)
        warn_of_few(self.measures.realism, count)
        result.realism.update({name: each.compute(count) for name, each in realism.items()})
        return result

    def batches(self, scored: Scored, track: Track) -> Iterator[Batch]:
        """A track's photographs, read ahead.

        Raises:
            InputError: if one cannot be read that could be before.
        """
        size = 1 if track.size is None else self.batch_size
        parts = [scored.names[i : i + size] for i in range(0, len(scored.names), size)]

        def read(names: list[str]) -> Tensor:
            try:
                return torch.stack([scored.dataset.read(name, track.size) for name in names])
            except UnusablePhotographError as error:
                raise InputError(f"one of {', '.join(names)} has changed: {error}") from error

        pictures = self.clock.waiting("reading", read_ahead(read, parts))
        batches = shown(parts, f"{scored.label}, {track.name}")
        for names, rgb in zip(batches, pictures, strict=True):
            on_device = rgb.to(self.device)
            yield Batch(names, on_device, track.truth(on_device), track)

    def values(
        self,
        rows: Sequence[Predictor],
        batch: Batch,
        measures: Mapping[str, Measure],
        result: TrackResult,
        realism: Mapping[str, Realism],
        pool: ThreadPoolExecutor,
    ) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Every row's values (B,) of each measure, worked out in a pool of threads."""
        of_truth = {name: measures[name] for name in OF_TRUTH if name in measures}
        is_large = batch.truth.L.numel() > LARGE
        for together in [[row] for row in rows] if is_large else [rows]:
            predicted = {row.name: self.predict(row, batch) for row in together}
            with self.clock.stage("metrics"):
                works = [
                    pool.submit(
                        measured,
                        *(ab, batch, of_truth if name == TRUTH else measures),
                        result.mistakes[name],
                    )
                    for name, ab in predicted.items()
                ]
                values = [work.result() for work in works]
            yield from zip(predicted, values, strict=True)
            self.compare_sets(realism, predicted, batch)

    def predict(self, row: Predictor, batch: Batch) -> Tensor:
        with self.clock.stage("networks" if row.model else "baselines"):
            return row.predict(batch.truth)

    def compare_sets(
        self, realism: Mapping[str, Realism], predicted: Mapping[str, Tensor], batch: Batch
    ) -> None:
        """Take a batch into FID and KID, if they were asked for."""
        if self.measures.inception is None:
            return
        with self.clock.stage("FID and KID"):
            true_features = self.measures.inception(batch.rgb)
            for name in predicted.keys() & realism.keys():
                shown = batch.track.shown(batch.truth.L, predicted[name])
                realism[name].update(self.measures.inception(shown), true_features)


@contextmanager
def threads_of_one() -> Iterator[ThreadPoolExecutor]:
    """A thread a core, each of which PyTorch works in alone; other threads are left as they were.

    PyTorch gives a thread the number that was set last, in whatever thread.
    """
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(os.cpu_count(), "score", torch.set_num_threads, (1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def measured(
    ab: Tensor, batch: Batch, measures: Mapping[str, Measure], mistakes: Mistakes
) -> dict[str, np.ndarray]:
    """Values (B,) of each measure of predicted ab (B,2,H,W); the mistakes are taken note of."""
    mistakes.update(ab, batch.truth)
    pair = batch.paired(ab)
    return {name: np.asarray(measure(pair).cpu()) for name, measure in measures.items()}
