"""The base of every network: what training needs of it beside its forward pass."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from colorization.networks.pretrained import PretrainedEncoder
from colorization.networks.resize import Upsampling


class ColorNetwork(nn.Module):
    """Computes raw output (B,C,h,w) of scaled L (B,1,H,W); ``upsampling`` brings it back to (H,W).

    The objective knows what the channels mean: a and b, or logits of colours.
    """

    upsampling: Upsampling

    @property
    def classifier(self) -> PretrainedEncoder | None:
        """Return the classifier that is a part of it, if one is."""
        return next((m for m in self.modules() if isinstance(m, PretrainedEncoder)), None)

    def start(self, constant: Tensor) -> None:
        """Prepare for a new training: read the classifier's weights.

        Args:
            constant: raw output (C,) of the best constant colour, for networks that start there.
        """
        if self.classifier:
            self.classifier.start()

    def keep_features(self, folder: Path | None = None, processes: int = 1) -> None:
        """Keep the classifier's features: worth it if inputs come again unchanged.

        Args:
            folder, processes: of a :class:`FeatureStore`.
        """
        if self.classifier:
            self.classifier.keep_features(folder, processes)

    def forget_features(self) -> None:
        """Compute the classifier's features anew from here on."""
        if self.classifier:
            self.classifier.forget_features()

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """Group the trained weights for an optimizer with learning rate ``lr``.

        Layers of the classifier that are trained too have their own learning rate.
        """
        trained = [weight for weight in self.parameters() if weight.requires_grad]
        if not self.classifier or self.classifier.is_frozen:
            return [{"params": trained}]
        tuned = [weight for weight in self.classifier.parameters() if weight.requires_grad]
        theirs = set(map(id, tuned))
        others = [weight for weight in trained if id(weight) not in theirs]
        return [{"params": others}, {"params": tuned, "lr": lr * self.classifier.lr_factor}]
