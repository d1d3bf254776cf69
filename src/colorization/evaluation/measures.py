"""Choose the metrics of an evaluation, and say why some of them cannot be measured here."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from colorization.errors import InputError
from colorization.metrics.auc import CLASSES, rebalanced_auc
from colorization.metrics.lpips import LPIPS
from colorization.metrics.measures import MEASURES, Measure
from colorization.metrics.realism import REALISM, Inception

log = logging.getLogger(__name__)

REBALANCED = "auc_rebalanced"
COLUMNS = {
    **{name: (measure.label, measure.form) for name, measure in MEASURES.items()},
    REBALANCED: ("AuC, rebalanced", "{:.4f}"),
    "lpips": ("LPIPS", "{:.4f}"),
    "fid": ("FID", "{:.2f}"),
    "kid": ("KID", "{:.5f}"),
}
"""Label and format of every metric that can be asked for."""


class ChosenMeasures(NamedTuple):
    """The metrics of an evaluation.

    ``by_photograph`` are measured on each photograph, ``realism`` on all at once.
    ``missing`` says, by name, why a metric that was asked for is not measured.
    """

    by_photograph: dict[str, Measure]
    realism: list[str]
    inception: Inception | None
    missing: dict[str, str]

    def rebalance(self, weights: torch.Tensor) -> dict[str, Measure]:
        """Return the measures of each photograph, with a track's weights (CLASSES,) of colours."""
        if REBALANCED not in self.by_photograph:
            return self.by_photograph
        return {**self.by_photograph, REBALANCED: make_rebalanced(weights)}


def make_rebalanced(weights: torch.Tensor) -> Measure:
    """Make the class-rebalanced area under the curve, for classes with these weights."""
    return Measure(*COLUMNS[REBALANCED], "ab", partial(rebalanced_auc, weights=weights))


def check_metrics(names: Sequence[str]) -> None:
    """Raise InputError for a name that is no metric."""
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"unknown metric {name!r}; known: {', '.join(COLUMNS)}")


def choose_measures(names: Sequence[str], device: torch.device) -> ChosenMeasures:
    """Prepare known metrics; MSE is always measured, because photographs are ranked by it."""
    measures: dict[str, Measure] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(["mse", *names]):
        if name in MEASURES:
            measures[name] = MEASURES[name]
        elif name == REBALANCED:
            measures[name] = make_rebalanced(torch.ones(CLASSES))
        elif name == "lpips":
            try:
                measures[name] = Measure(*COLUMNS[name], "rgb", LPIPS(device))
            except InputError as error:
                missing[name] = str(error)
    realism = [name for name in REALISM if name in names]
    inception = None
    if realism:
        try:
            inception = Inception(device)
        except InputError as error:
            missing |= dict.fromkeys(realism, str(error))
            realism = []
    for name, reason in missing.items():
        log.warning("%s is not measured: %s", name, reason)
    return ChosenMeasures(measures, realism, inception, missing)
