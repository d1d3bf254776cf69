"""The table of the metrics that need no network, and their means over photographs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from colorization.color import LabBatch, from_uint8, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.metrics.auc import ab_auc
from colorization.metrics.ciede2000 import ciede2000
from colorization.metrics.colorfulness import (
    absolute_colorfulness,
    colorfulness_error,
    colorfulness_shift,
    predicted_colorfulness,
)
from colorization.metrics.mse import ab_mse, ab_rmse
from colorization.metrics.psnr import psnr
from colorization.metrics.rgb_difference import absolute_rgb_difference, signed_rgb_difference
from colorization.metrics.ssim import ssim


class Pair(NamedTuple):
    """Predictions beside the truth: ab (B,2,H,W) in CIE units, and uint8 sRGB (B,3,H,W)."""

    ab: Tensor
    rgb: Tensor
    truth: LabBatch
    true_rgb: Tensor


class Measure(NamedTuple):
    """A metric, with the label and the format of its column.

    ``compare`` returns one value a photograph, (B,), of prediction and truth in its space: ``ab``;
    ``rgb``, uint8; or ``lab`` (B,3,H,W), converted from uint8 RGB.
    """

    label: str
    form: str
    space: str
    compare: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, pair: Pair) -> Tensor:
        if self.space == "ab":
            return self.compare(pair.ab, pair.truth.ab)
        if self.space == "lab":
            lab = rgb_to_lab(from_uint8(pair.rgb))
            return self.compare(torch.cat(lab, dim=1), torch.cat(pair.truth, dim=1))
        return self.compare(pair.rgb, pair.true_rgb)


# RGB differences are of 255: the mean of absolute ones, the sum of signed ones.
MEASURES = {
    "mse": Measure("MSE ab/128", "{:.6f}", "ab", ab_mse),
    "psnr": Measure("PSNR dB", "{:.2f}", "rgb", psnr),
    "rgb_absolute": Measure("abs. RGB", "{:.2f}", "rgb", absolute_rgb_difference),
    "rgb_signed": Measure("signed RGB", "{:+,.0f}", "rgb", signed_rgb_difference),
    "rmse": Measure("RMSE ab", "{:.2f}", "ab", ab_rmse),
    "ssim": Measure("SSIM", "{:.4f}", "rgb", ssim),
    "ciede2000": Measure("CIEDE2000", "{:.2f}", "lab", ciede2000),
    "colorfulness": Measure("colourfulness", "{:.1f}", "rgb", predicted_colorfulness),
    "colorfulness_absolute": Measure(
        "colourf. of |rg|, |yb|", "{:.1f}", "rgb", absolute_colorfulness
    ),
    "colorfulness_shift": Measure("colourf. shift", "{:+.1f}", "rgb", colorfulness_shift),
    "colorfulness_error": Measure("colourf. error", "{:.1f}", "rgb", colorfulness_error),
    "auc": Measure("AuC", "{:.4f}", "ab", ab_auc),
}
EVERY_EPOCH = ("mse", "psnr", "rgb_absolute", "rgb_signed", "colorfulness_shift")
"""The metrics of validation and of the table that ends a run; the others cost more."""
FINAL = (*EVERY_EPOCH, "ciede2000", "colorfulness", "colorfulness_error")
"""The metrics of the test photographs at the end of a run."""


class MeanOverPhotographs(Metric):
    """Averages a measure over photographs, however they are batched.

    Unlike torchmetrics.MeanMetric, it takes pairs and keeps NaN.

    Args:
        is_shared: whether each process of a group has a part of the photographs.
    """

    total: Tensor
    count: Tensor

    def __init__(self, measure: Measure, is_shared: bool = True) -> None:
        super().__init__(sync_on_compute=is_shared)
        self.measure = measure
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, pair: Pair) -> None:
        values = self.measure(pair)
        self.total = self.total + values.sum()
        self.count = self.count + len(values)

    def compute(self) -> Tensor:
        return self.total / self.count


def make_metrics(
    prefix: str = "", names: Iterable[str] = EVERY_EPOCH, is_shared: bool = True
) -> MetricCollection:
    """Make the means of measures over photographs, by name."""
    metrics = {name: MeanOverPhotographs(MEASURES[name], is_shared) for name in names}
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]


def pair_with_truth(ab: Tensor, truth: LabBatch, true_rgb: Tensor | None = None) -> Pair:
    """Put predicted ab (B,2,H,W), CIE units, beside the truth, in ab and in uint8 RGB.

    Args:
        ab: the prediction, shown with the true L.
        truth: of uint8 photographs.
        true_rgb: those, if they are at hand.
    """
    if true_rgb is None:
        true_rgb = to_uint8(lab_to_rgb(*truth))
    return Pair(ab, to_uint8(lab_to_rgb(truth.L, ab)), truth, true_rgb)


def format_scores(scores: Mapping[str, float], metrics: Sequence[str] = EVERY_EPOCH) -> list[str]:
    """Format scores in the order of ``metrics``; a dash for what was not measured."""
    return [
        MEASURES[metric].form.format(scores[metric]) if metric in scores else "-"
        for metric in metrics
    ]
