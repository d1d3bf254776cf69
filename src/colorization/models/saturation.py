"""After training: colours as strong as those of photographs that were not trained on.

Whoever is unsure guesses pale colours. Making them stronger costs squared error, less where it
makes a photograph's colours differ more than where it moves their mean: colourfulness weighs the
mean with 0.3 (Hasler and Suesstrunk 2003).
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from colorization.color import LabBatch, lab_to_rgb, to_uint8
from colorization.metrics.colorfulness import colorfulness
from colorization.models.predictor import Predictor, strengthened

STRONGEST = 4.0
HALVINGS = 12  # of what is below that


@torch.inference_mode()
def make_vivid(predictor: Predictor, batches: Sequence[LabBatch]) -> float:
    """Have a model predict colours that are as colourful, on average, as those of ``batches``.

    Args:
        batches: of photographs that were not trained on, on the predictor's device; what is
            predicted of them is held there too.

    Returns:
        The ``strength`` that it predicts with from now on: 0 where they are so already.
    """
    predictor.strength = 0.0
    predicted = [LabBatch(L, predictor(L)) for L, _ in batches]
    wanted = mean_colorfulness(batches)
    least, most = 0.0, STRONGEST
    for _ in range(HALVINGS):
        strength = (least + most) / 2
        stronger = (LabBatch(L, strengthened(ab, strength)) for L, ab in predicted)
        if mean_colorfulness(stronger) < wanted:
            least = strength
        else:
            most = strength
    predictor.decode_otherwise(strength=least)
    return least


def mean_colorfulness(batches: Iterable[LabBatch]) -> Tensor:
    """Over the photographs, as they are shown: (), of 0 to about 109."""
    return torch.cat([colorfulness(to_uint8(lab_to_rgb(*batch))) for batch in batches]).mean()
