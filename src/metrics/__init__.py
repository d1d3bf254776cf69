"""What is measured: one file a metric, a pure function and a thin torchmetrics Metric over it."""

from torch import Tensor
from torchmetrics import MetricCollection

from src.color import LabBatch, lab_to_rgb, to_uint8
from src.metrics.mse import AbMSE
from src.metrics.psnr import PSNR
from src.metrics.rgb_difference import AbsoluteRGBDifference, SignedRGBDifference


def color_metrics(prefix: str = "") -> MetricCollection:
    """The metrics of every epoch and every table, by name."""
    metrics = {
        "mse": AbMSE(),
        "psnr": PSNR(),
        "rgb_absolute": AbsoluteRGBDifference(),
        "rgb_signed": SignedRGBDifference(),
    }
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)  # type: ignore[arg-type]


def update_metrics(metrics: MetricCollection, ab: Tensor, truth: LabBatch) -> None:
    """Score predicted ab (B,2,H,W) in CIE units against the truth, in ab and in uint8 RGB."""
    metrics.update(
        ab=ab,
        true_ab=truth.ab,
        rgb=to_uint8(lab_to_rgb(truth.L, ab)),
        true_rgb=to_uint8(lab_to_rgb(*truth)),
    )
