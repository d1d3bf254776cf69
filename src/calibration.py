"""After training: how strong the predicted colours should be, by photographs not trained on.

Training stops before a network knows its photographs by heart, when it is still too careful: on
others its colours are duller than is best even for the squared error. One factor of a and b, and
the temperature of colour bins, are therefore fitted to the validation photographs, as temperature
scaling is (Guo et al. 2017, "On Calibration of Modern Neural Networks").

Colours as vivid as the truth cost squared error, least where they are spread out about the mean
colour of each photograph: its colourfulness grows with their deviation more than with their mean.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from src.color import LabBatch, lab_to_rgb, to_uint8
from src.metrics.colorfulness import colorfulness
from src.objectives.bins import ColorBins
from src.predictor import Predictor, with_contrast

TEMPERATURES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3)
STRONGEST = 4.0  # factor of a and b
HALVINGS = 12
AS_COLORFUL = 0.97  # of the truth: the last percents cost most


class Calibration(NamedTuple):
    """``temperature`` is None where there are no colour bins."""

    temperature: float | None
    saturation: float
    contrast: float = 1.0


@torch.inference_mode()
def calibrate(predictor: Predictor, batches: Sequence[LabBatch], by: str) -> Calibration:
    """Fit temperature and saturation to photographs, and predict with them from now on.

    Args:
        batches: of photographs that were not trained on, on the predictor's device.
        by: ``mse`` for the smallest squared error; ``colorfulness`` for colours that vary more than
            that, until they have 97% of the mean colourfulness of the true ones.
    """
    predictor.decode_otherwise(saturation=1.0, contrast=1.0)
    best = least_squares(predictor, batches)
    predictor.decode_otherwise(temperature=best.temperature, saturation=best.saturation)
    if by == "colorfulness":
        best = best._replace(contrast=as_colorful(predictor, batches))
        predictor.decode_otherwise(contrast=best.contrast)
    return best


def least_squares(predictor: Predictor, batches: Sequence[LabBatch]) -> Calibration:
    """Of the least squared error: for each temperature, the best factor has a closed form."""
    has_bins = isinstance(predictor.objective, ColorBins)
    temperatures = TEMPERATURES if has_bins else (None,)
    sums = torch.zeros(len(temperatures), 2, dtype=torch.float64)
    for L, true in batches:
        views = predictor.raw_views(L)
        for place, temperature in enumerate(temperatures):
            predictor.decode_otherwise(temperature=temperature)
            ab = predictor.ab(views, L)
            sums[place] += torch.stack([(ab * true).sum(), (ab * ab).sum()]).cpu()
    both, own = sums.unbind(dim=1)
    factors = torch.where(own > 0, both / own, 1.0).clamp(0, STRONGEST)
    errors = factors * (factors * own - 2 * both)  # but for what no factor changes
    chosen = int(errors.argmin())
    return Calibration(temperatures[chosen], float(factors[chosen]) or 1.0)


def as_colorful(predictor: Predictor, batches: Sequence[LabBatch]) -> float:
    """The contrast at which predicted photographs are as colourful as true ones, on average."""
    predicted = [LabBatch(L, predictor(L)) for L, _ in batches]
    wanted = AS_COLORFUL * mean_colorfulness(batches)
    least, most = 0.0, STRONGEST
    for _ in range(HALVINGS):
        contrast = (least + most) / 2
        varied = [LabBatch(L, with_contrast(ab, contrast)) for L, ab in predicted]
        if mean_colorfulness(varied) < wanted:
            least = contrast
        else:
            most = contrast
    return (least + most) / 2


def mean_colorfulness(batches: Sequence[LabBatch]) -> Tensor:
    """Over the photographs, as they are shown: (), of 0 to about 109."""
    return torch.cat([colorfulness(to_uint8(lab_to_rgb(*batch))) for batch in batches]).mean()
