"""Scores of each photograph, and their means with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

import numpy as np

from colorization.reports.tables import write_csv_row

RESAMPLES = 1_000
SEED = 0
RARITY = "rarity"  # of a photograph's colours, its weight in the mean of auc_rebalanced


class Estimate(NamedTuple):
    """A mean over photographs and its 95% interval; of one photograph, the interval is NaN."""

    mean: float
    low: float
    high: float


class Scores:
    """Every metric of every row on every photograph of one track.

    Photographs come in the same order for every row, so that resamples pair them.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = list(metrics)
        self.rows: dict[str, list[np.ndarray]] = {}
        self.weights: dict[str, list[np.ndarray]] = {}

    def add(self, row: str, values: Mapping[str, np.ndarray]) -> None:
        """Add the values (B,) of a batch; a metric that is not among them is NaN."""
        unknown = np.full_like(next(iter(values.values())), np.nan)
        table = np.stack([values.get(metric, unknown) for metric in self.metrics], axis=1)
        self.rows.setdefault(row, []).append(table.astype(np.float32))

    def weigh(self, metric: str, weights: np.ndarray) -> None:
        """Add the weights (B,) of a batch's photographs in a metric's mean, 1 by default."""
        self.weights.setdefault(metric, []).append(weights)

    def values(self, row: str) -> np.ndarray:
        """Return all photographs by metrics, (N,M)."""
        return np.concatenate(self.rows[row]).astype(np.float64)

    def column(self, row: str, metric: str) -> np.ndarray:
        """Return one metric of all photographs, (N,)."""
        column: np.ndarray = self.values(row)[:, self.metrics.index(metric)]
        return column

    def estimate(self, row: str) -> dict[str, Estimate]:
        """Estimate mean and interval of each metric."""
        values = self.values(row)
        weights = np.ones_like(values)
        for metric, batches in self.weights.items():
            weights[:, self.metrics.index(metric)] = np.concatenate(batches)
        means = (values * weights).sum(0) / weights.sum(0)
        low, high = np.full((2, len(means)), np.nan)
        if len(values) > 1:
            low, high = find_interval(resample_means(values, weights))
        columns = zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
        return dict(zip(self.metrics, map(Estimate._make, columns), strict=True))

    def estimate_error_removed(self, network: str, baseline: str) -> Estimate:
        """Estimate the share of a baseline's squared error that a network removes."""
        pair = np.stack([self.column(network, "mse"), self.column(baseline, "mse")], axis=1)
        means = resample_means(pair, np.ones_like(pair))
        low, high = find_interval(1 - means[:, :1] / means[:, 1:])
        ours, theirs = pair.mean(axis=0)
        return Estimate(float(1 - ours / theirs), float(low[0]), float(high[0]))


def resample_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted means (RESAMPLES,M) of photographs drawn with replacement from (N,M).

    The draws are the same in every call.
    """
    random = np.random.default_rng(SEED)
    count = len(values)
    total = values * weights
    means = np.empty((RESAMPLES, values.shape[1]))
    for index in range(RESAMPLES):
        drawn = random.integers(0, count, count)
        means[index] = total[drawn].sum(0) / weights[drawn].sum(0)
    return means


def find_interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle 95% of means (RESAMPLES,M): the percentile interval (Efron 1979)."""
    # An order statistic, for a mean may be infinite.
    low, high = np.quantile(means, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


class ScoreFile:
    """Writes ``scores.csv`` as scoring goes: a line a photograph, row, track and dataset."""

    def __init__(self, file: IO[str], metrics: Sequence[str]) -> None:
        self.file = file
        self.columns = [*metrics, RARITY]
        write_csv_row(file, ["dataset", "track", "predictor", "photograph", *self.columns])

    def add(
        self, place: tuple[str, str, str], names: Sequence[str], values: Mapping[str, np.ndarray]
    ) -> None:
        """Write the values (B,) of a dataset, track and row; missing metrics stay empty."""
        for index, name in enumerate(names):
            cells = [float(values[c][index]) if c in values else "" for c in self.columns]
            write_csv_row(self.file, [*place, name, *cells])
