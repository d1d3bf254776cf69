"""Values by photograph, and what they say about a predictor: means with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

import numpy as np

from colorization.reports.tables import write_csv_row

RESAMPLES = 1_000
SEED = 0
RARITY = "rarity"  # of a photograph's colours, its weight in the mean of auc_rebalanced


class Estimate(NamedTuple):
    """A mean over photographs and its 95% interval, which one photograph alone does not have."""

    mean: float
    low: float
    high: float


class Scores:
    """The values of every predictor's every metric on every photograph of one track.

    Photographs are taken in the same order for every predictor, so that resamples pair them.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = list(metrics)
        self.rows: dict[str, list[np.ndarray]] = {}
        self.weight_rows: dict[str, list[np.ndarray]] = {}

    def add(self, predictor: str, values: Mapping[str, np.ndarray]) -> None:
        """Take the values (B,) of a batch; a metric that is not among them is NaN."""
        unknown = np.full_like(next(iter(values.values())), np.nan)
        table = np.stack([values.get(metric, unknown) for metric in self.metrics], axis=1)
        self.rows.setdefault(predictor, []).append(table.astype(np.float32))

    def weigh(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take the weights (B,) that a batch's photographs have in the means of some metrics."""
        for metric, values in weights.items():
            self.weight_rows.setdefault(metric, []).append(values)

    def weights(self, count: int) -> np.ndarray:
        """Weights of all photographs in each metric's mean, (N,M); 1 if nothing else was said."""
        weights = np.ones((count, len(self.metrics)))
        for metric, rows in self.weight_rows.items():
            weights[:, self.metrics.index(metric)] = np.concatenate(rows)
        return weights

    def values(self, predictor: str) -> np.ndarray:
        """All photographs by metrics, (N,M)."""
        return np.concatenate(self.rows[predictor]).astype(np.float64)

    def column(self, predictor: str, metric: str) -> np.ndarray:
        """One metric of all photographs, (N,)."""
        column: np.ndarray = self.values(predictor)[:, self.metrics.index(metric)]
        return column

    def summary(self, predictor: str) -> dict[str, Estimate]:
        """Mean and interval of each metric."""
        values = self.values(predictor)
        weights = self.weights(len(values))
        low, high = interval(resampled_means(values, weights))
        if len(values) == 1:
            low, high = np.full((2, len(self.metrics)), np.nan)
        columns = zip((values * weights).sum(0) / weights.sum(0), low, high, strict=True)
        return dict(zip(self.metrics, (Estimate(*map(float, c)) for c in columns), strict=True))

    def error_removed(self, network: str, baseline: str) -> Estimate:
        """Share of a baseline's squared error that a network removes, over the same photographs."""
        pair = np.stack([self.column(network, "mse"), self.column(baseline, "mse")], axis=1)
        means = resampled_means(pair, np.ones_like(pair))
        low, high = interval(1 - means[:, :1] / means[:, 1:])
        ours, theirs = pair.mean(axis=0)
        return Estimate(float(1 - ours / theirs), float(low[0]), float(high[0]))


def resampled_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means (RESAMPLES,M) of photographs drawn with replacement from (N,M).

    The draws are always the same ones.
    """
    random = np.random.default_rng(SEED)
    count = len(values)
    total = values * weights
    means = np.empty((RESAMPLES, values.shape[1]))
    for index in range(RESAMPLES):
        drawn = random.integers(0, count, count)
        means[index] = total[drawn].sum(0) / weights[drawn].sum(0)
    return means


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle 95% of resampled means (RESAMPLES,M): the percentile interval (Efron 1979)."""
    # An order statistic, for a mean may be infinite.
    low, high = np.quantile(means, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


class ScoreFile:
    """Writes ``scores.csv`` as scoring goes: a line a photograph, predictor, track and dataset."""

    def __init__(self, file: IO[str], metrics: Sequence[str]) -> None:
        self.file = file
        self.columns = [*metrics, RARITY]
        write_csv_row(file, ["dataset", "track", "predictor", "photograph", *self.columns])

    def add(
        self, place: tuple[str, str, str], names: Sequence[str], values: Mapping[str, np.ndarray]
    ) -> None:
        """Take the values (B,) of a dataset, track and predictor; those not there stay empty."""
        for index, name in enumerate(names):
            cells = [float(values[c][index]) if c in values else "" for c in self.columns]
            write_csv_row(self.file, [*place, name, *cells])
