"""What every network of this project offers beside its forward pass."""

from typing import Any

from torch import Tensor, nn

from colorization.networks.pretrained import PretrainedEncoder
from colorization.networks.resize import Upsampling


class ColorNetwork(nn.Module):
    """Scaled L (B,1,H,W) to raw output (B,C,h,w) at the resolution that ``upsampling`` undoes.

    What the channels mean is the objective's business: a and b, or logits of colours. A network of
    several ``inputs`` takes hints beside L, see :meth:`Predictor.network_input`.
    """

    upsampling: Upsampling

    @property
    def classifier(self) -> PretrainedEncoder | None:
        """The classifier that it looks through, if it does."""
        return next((m for m in self.modules() if isinstance(m, PretrainedEncoder)), None)

    def start(self, constant: Tensor) -> None:
        """Make ready for a new training: read the classifier's weights.

        Args:
            constant: raw output (C,) of the best constant colour, for networks that start there.
        """
        if self.classifier:
            self.classifier.start()

    def keep_features(self, keep: bool) -> None:
        """Whether inputs come again and again unchanged, so that work on them can be kept."""
        if self.classifier:
            self.classifier.keep_features(keep)

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """What an optimizer with learning rate ``lr`` trains.

        The classifier's layers that are trained too have a learning rate of their own.
        """
        trained = [weight for weight in self.parameters() if weight.requires_grad]
        if not self.classifier or self.classifier.is_frozen:
            return [{"params": trained}]
        tuned = [weight for weight in self.classifier.parameters() if weight.requires_grad]
        theirs = set(map(id, tuned))
        others = [weight for weight in trained if id(weight) not in theirs]
        return [{"params": others}, {"params": tuned, "lr": lr * self.classifier.lr_factor}]
