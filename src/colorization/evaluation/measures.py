"""Choose the metrics of an evaluation, and say why some of them cannot be measured here."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch

from colorization.errors import InputError
from colorization.metrics.auc import CLASSES, rebalanced_auc
from colorization.metrics.lpips import LPIPS
from colorization.metrics.measures import MEASURES, Measure
from colorization.metrics.realism import REALISM, Inception
from colorization.metrics.weights import Weights

log = logging.getLogger(__name__)

Network = TypeVar("Network", LPIPS, Inception)
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
    ``missing`` says, by name, why a metric that was asked for is not measured. ``weights`` has the
    files of the networks that metrics look through, by name.
    """

    by_photograph: dict[str, Measure]
    realism: list[str]
    inception: Inception | None
    missing: dict[str, str]
    weights: dict[str, Weights]

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


def choose_measures(
    names: Sequence[str],
    device: torch.device,
    alexnet: Path | None = None,
    inception: Path | None = None,
) -> ChosenMeasures:
    """Prepare known metrics; MSE is always measured, because photographs are ranked by it.

    Args:
        alexnet, inception: files of weights; None is the usual download.

    Raises:
        InputError: for a file that is named and cannot be used.
    """
    measures: dict[str, Measure] = {}
    missing: dict[str, str] = {}
    weights: dict[str, Weights] = {}
    for name in dict.fromkeys(["mse", *names]):
        if name in MEASURES:
            measures[name] = MEASURES[name]
        elif name == REBALANCED:
            measures[name] = make_rebalanced(torch.ones(CLASSES))
        elif name == "lpips" and (lpips := load_or_say(LPIPS, device, alexnet, [name], missing)):
            measures[name] = Measure(*COLUMNS[name], "rgb", lpips)
            weights["alexnet"] = lpips.weights
    realism = [name for name in REALISM if name in names]
    network = load_or_say(Inception, device, inception, realism, missing) if realism else None
    if network:
        weights["inception"] = network.weights
    for name, reason in missing.items():
        log.warning("%s is not measured: %s", name, reason)
    return ChosenMeasures(measures, realism if network else [], network, missing, weights)


def load_or_say(
    load: Callable[[torch.device, Path | None], Network],
    device: torch.device,
    path: Path | None,
    metrics: Sequence[str],
    missing: dict[str, str],
) -> Network | None:
    """Load a network; say why ``metrics`` are missing if its usual download cannot be had."""
    try:
        return load(device, path)
    except InputError as error:
        if path:
            raise
        missing |= dict.fromkeys(metrics, str(error))
        return None
