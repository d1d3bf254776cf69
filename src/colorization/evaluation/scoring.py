"""Score every row on every photograph of a track, a batch at a time."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from pytorch_lightning.profilers import SimpleProfiler
from torch import Tensor

from colorization.color import LabBatch, from_uint8, rgb_to_lab
from colorization.data.photographs import UnusablePhotographError, read_ahead
from colorization.errors import InputError
from colorization.evaluation.datasets import ScoredPhotographs, Track
from colorization.evaluation.measures import REBALANCED, ChosenMeasures
from colorization.evaluation.mistakes import Mistakes
from colorization.evaluation.rows import TRUTH, Row, Spots
from colorization.evaluation.scores import RARITY, ScoreFile, Scores
from colorization.metrics.auc import class_weights, rarity
from colorization.metrics.measures import Measure, Pair
from colorization.metrics.realism import Realism
from colorization.reports.progress import shown

OF_TRUTH = ("colorfulness",)
"""Measures that describe the true photographs themselves."""
LARGE = 2_000_000  # pixels of a batch: above it, one row at a time is in memory


class TrackResult(NamedTuple):
    """Scores and mistakes of every row, the truth included, in a track.

    ``realism`` has FID and KID by row, ``hints`` the spots of the rows that have some.
    """

    track: Track
    scores: Scores
    mistakes: dict[str, Mistakes]
    realism: dict[str, dict[str, float]]
    hints: dict[str, Spots]


class Batch(NamedTuple):
    """Photographs of a track by name: uint8 (B,3,H,W) and in CIE units."""

    names: list[str]
    rgb: Tensor
    truth: LabBatch
    track: Track

    def pair(self, ab: Tensor) -> Pair:
        """Put predicted ab (B,2,H,W) beside the truth.

        At a model's own size it is as predicted. In native resolution it is that of the 8-bit
        picture: what a user gets, and what scores of folders are of.
        """
        shown = self.track.show(self.truth.L, ab)
        if self.track.size is not None:
            return Pair(ab, shown, self.truth, self.rgb)
        return Pair(to_lab(shown).ab, shown, to_lab(self.rgb), self.rgb)


class Scorer(NamedTuple):
    """Scores tracks."""

    measures: ChosenMeasures
    batch_size: int
    device: torch.device
    file: ScoreFile
    profiler: SimpleProfiler

    @torch.no_grad()
    def score(
        self, photographs: ScoredPhotographs, track: Track, rows: Sequence[Row]
    ) -> TrackResult:
        """Go through a dataset's photographs once.

        Photographs in their own resolution are taken one at a time. Memory holds a few batches,
        and one number a photograph, row and metric.
        """
        rows = [*rows, Row(TRUTH, lambda truth: truth.ab)]
        weights = class_weights(photographs.shares[track])
        measures = self.measures.rebalance(weights)
        realism = {row.name: Realism(self.measures.realism) for row in rows if row.name != TRUTH}
        mistakes = {row.name: Mistakes() for row in rows}
        scores = Scores(list(measures))
        with open_pool() as pool:
            for batch in self.read_batches(photographs, track):
                weight = rarity(batch.truth.ab, weights).cpu().numpy()
                if REBALANCED in measures:
                    scores.weigh(REBALANCED, weight)
                is_large = batch.truth.L.numel() > LARGE
                for group in [[row] for row in rows] if is_large else [rows]:
                    predicted = {row.name: self.predict(row, batch) for row in group}
                    found = self.measure(predicted, batch, measures, mistakes, pool)
                    for name, values in found.items():
                        scores.add(name, values)
                        place = (photographs.label, track.name, name)
                        self.file.add(place, batch.names, {**values, RARITY: weight})
                    self.update_realism(realism, predicted, batch)
        count = len(photographs.names)
        distances = {name: each.compute(count) for name, each in realism.items()}
        hints = {row.name: row.spots for row in rows if row.spots}
        return TrackResult(track, scores, mistakes, distances, hints)

    def read_batches(self, photographs: ScoredPhotographs, track: Track) -> Iterator[Batch]:
        """Read a track's photographs ahead of their use.

        Raises:
            InputError: if a photograph cannot be read that could be read before.
        """
        size = 1 if track.size is None else self.batch_size
        parts = [photographs.names[i : i + size] for i in range(0, len(photographs.names), size)]

        def read(names: list[str]) -> Tensor:
            try:
                return torch.stack([photographs.dataset.read(name, track.size) for name in names])
            except UnusablePhotographError as error:
                raise InputError(f"one of {', '.join(names)} has changed: {error}") from error

        pictures = read_ahead(read, parts)
        for names in shown(parts, f"{photographs.label}, {track.name}"):
            with self.profiler.profile("reading"):
                rgb = next(pictures).to(self.device)
            yield Batch(names, rgb, track.to_lab(rgb), track)

    def predict(self, row: Row, batch: Batch) -> Tensor:
        """Predict ab (B,2,H,W) and measure the time."""
        with self.profiler.profile("networks" if row.is_network else "baselines"):
            return row.predict(batch.truth)

    def measure(
        self,
        predicted: Mapping[str, Tensor],
        batch: Batch,
        measures: Mapping[str, Measure],
        mistakes: Mapping[str, Mistakes],
        pool: ThreadPoolExecutor,
    ) -> dict[str, dict[str, np.ndarray]]:
        """Measure predicted ab in a pool of threads: by row, the values (B,) of each metric.

        The truth has few metrics; it is left out if it has none.
        """
        of_truth = {name: measures[name] for name in OF_TRUTH if name in measures}

        def measure_row(name: str, ab: Tensor) -> dict[str, np.ndarray]:
            pair = batch.pair(ab)
            mistakes[name].update(pair.ab, pair.truth)
            chosen = of_truth if name == TRUTH else measures
            return {name: np.asarray(measure(pair).cpu()) for name, measure in chosen.items()}

        with self.profiler.profile("metrics"):
            found = pool.map(measure_row, predicted.keys(), predicted.values())
            return {row: values for row, values in zip(predicted, found, strict=True) if values}

    def update_realism(
        self, realism: Mapping[str, Realism], predicted: Mapping[str, Tensor], batch: Batch
    ) -> None:
        """Add a batch to FID and KID, if they were asked for."""
        if self.measures.inception is None:
            return
        with self.profiler.profile("FID and KID"):
            true_features = self.measures.inception(batch.rgb)
            for name in predicted.keys() & realism.keys():
                coloured = batch.track.show(batch.truth.L, predicted[name])
                realism[name].update(self.measures.inception(coloured), true_features)


def to_lab(rgb: Tensor) -> LabBatch:
    """Convert uint8 sRGB (B,3,H,W) to CIE units."""
    return rgb_to_lab(from_uint8(rgb))


@contextmanager
def open_pool() -> Iterator[ThreadPoolExecutor]:
    """Open a pool of a thread a core, in each of which PyTorch uses one thread.

    PyTorch gives a new thread the number that was set last, in any thread; it is put back.
    """
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(os.cpu_count(), "score", torch.set_num_threads, (1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
