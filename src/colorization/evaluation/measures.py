"""The metrics that were asked for, and why some of them cannot be had here."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from colorization.errors import InputError
from colorization.metrics import MEASURES, Measure
from colorization.metrics.auc import CLASSES, rebalanced_auc
from colorization.metrics.lpips import LPIPS
from colorization.metrics.realism import ENOUGH_FOR_FID, REALISM, Inception

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


class Measures(NamedTuple):
    """``by_photograph`` are measured on each photograph, ``realism`` on all at once.

    ``missing`` says, by name, why a metric that was asked for is not measured.
    """

    by_photograph: dict[str, Measure]
    realism: list[str]
    inception: Inception | None
    missing: dict[str, str]

    def in_track(self, weights: torch.Tensor) -> dict[str, Measure]:
        """The measures of each photograph, rebalanced by the weights of a track's classes."""
        if REBALANCED not in self.by_photograph:
            return self.by_photograph
        return {**self.by_photograph, REBALANCED: rebalanced(weights)}


def rebalanced(weights: torch.Tensor) -> Measure:
    """The class-rebalanced area under the curve, for classes with these weights."""
    return Measure(*COLUMNS[REBALANCED], "ab", partial(rebalanced_auc, weights=weights))


def check_known(names: Sequence[str]) -> None:
    """Raise InputError for a name that is no metric."""
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"unknown metric {name!r}; known: {', '.join(COLUMNS)}")


def choose_measures(names: Sequence[str], device: torch.device) -> Measures:
    """Make ready known metrics; MSE is always measured, for photographs are ranked by it."""
    measures: dict[str, Measure] = {}
    missing: dict[str, str] = {}
    for name in dict.fromkeys(["mse", *names]):
        if name in MEASURES:
            measures[name] = MEASURES[name]
        elif name == REBALANCED:
            measures[name] = rebalanced(torch.ones(CLASSES))
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
    return Measures(measures, realism, inception, missing)


def warn_of_few(names: Sequence[str], count: int) -> None:
    """Log that an FID of few photographs is mostly bias."""
    if "fid" in names and count < ENOUGH_FOR_FID:
        log.warning("FID of %d photographs is mostly bias; it needs %d", count, ENOUGH_FOR_FID)
