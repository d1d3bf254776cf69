"""Calibrate saturation after training: predicted colours become as strong as true ones.

A network that is unsure predicts pale colours. Strengthening them costs squared error. It costs
less to widen the differences within a photograph than to move its mean colour, which
colourfulness weighs with 0.3 (Hasler and Suesstrunk 2003).
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from colorization.color import LabBatch, lab_to_rgb, to_uint8
from colorization.metrics.colorfulness import colorfulness
from colorization.models.predictor import Predictor, strengthen

STRONGEST = 4.0
HALVINGS = 12  # of what is below that


@torch.inference_mode()
def calibrate_saturation(predictor: Predictor, batches: Sequence[LabBatch]) -> float:
    """Set a model's ``strength`` so that its colours are as colourful, on average, as true ones.

    Args:
        batches: of photographs that were not trained on, on the predictor's device; what is
            predicted of them is held there too.

    Returns:
        The ``strength``; 0 if the predicted colours are strong enough.
    """
    predictor.strength = 0.0
    predicted = [LabBatch(L, predictor(L)) for L, _ in batches]
    wanted = mean_colorfulness(batches)
    least, most = 0.0, STRONGEST
    for _ in range(HALVINGS):
        strength = (least + most) / 2
        stronger = (LabBatch(L, strengthen(ab, strength)) for L, ab in predicted)
        if mean_colorfulness(stronger) < wanted:
            least = strength
        else:
            most = strength
    predictor.set_decoding(strength=least)
    return least


def mean_colorfulness(batches: Iterable[LabBatch]) -> Tensor:
    """Return the mean colourfulness of photographs as uint8 RGB: a scalar, 0 to about 109."""
    return torch.cat([colorfulness(to_uint8(lab_to_rgb(*batch))) for batch in batches]).mean()
