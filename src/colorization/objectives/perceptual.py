"""Terms of the loss that compare whole coloured photographs, beside the objective."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor, nn

from colorization.color import LabBatch, lab_to_rgb
from colorization.errors import InputError
from colorization.networks.pretrained import PretrainedEncoder


class Term(nn.Module):
    """A term of the loss, times its weight.

    Args:
        weight: of the term; the objective's is 1.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def start(self) -> None:
        """Prepare for a new training; nothing to do here."""

    def forward(self, predicted: LabBatch, truth: LabBatch) -> Tensor:
        """Return the weighted term, averaged over photographs."""
        raise NotImplementedError


class RGBError(Term):
    """Mean squared error of sRGB in 0..1."""

    def forward(self, predicted: LabBatch, truth: LabBatch) -> Tensor:
        return self.weight * F.mse_loss(lab_to_rgb(*predicted), lab_to_rgb(*truth))


class FeatureDistance(Term):
    """Distance between a frozen classifier's features of two photographs.

    Feature maps are normalised over their channels; squared differences are summed over those, and
    averaged over places and maps (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep
    Features", equation 1, without its learned weights).

    Args:
        weight: of the term.
        classifier, weights: ``name`` and ``weights`` of a :class:`PretrainedEncoder`.

    Raises:
        InputError: as of the encoder.
    """

    def __init__(self, weight: float, classifier: str, weights: str) -> None:
        super().__init__(weight)
        with renamed_errors():
            self.classifier = PretrainedEncoder(classifier, weights, 0, 0, enlarge=1)

    def start(self) -> None:
        """Read the classifier's weights; errors are as of the encoder."""
        with renamed_errors():
            self.classifier.start()

    def forward(self, predicted: LabBatch, truth: LabBatch) -> Tensor:
        pairs = zip(
            self.classifier.compute_maps(lab_to_rgb(*predicted)),
            self.classifier.compute_maps(lab_to_rgb(*truth)),
            strict=True,
        )
        distances = [distance(found, true.detach()) for found, true in pairs]
        return self.weight * sum(distances, start=predicted.L.new_zeros(())) / len(distances)


@contextmanager
def renamed_errors() -> Iterator[None]:
    """Name the settings of ``perceptual`` in errors of an encoder."""
    try:
        yield
    except InputError as error:
        text = str(error).replace("network.encoder.name", "perceptual.classifier")
        text = text.replace("network.encoder.weights", "perceptual.weights")
        raise InputError(text) from error


def distance(found: Tensor, true: Tensor) -> Tensor:
    """Average the squared distance of (B,C,h,w), normalised over channels, over places; 0 to 4."""
    difference = F.normalize(found.float(), dim=1) - F.normalize(true.float(), dim=1)
    return difference.square().sum(dim=1).mean()
