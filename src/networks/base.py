"""What every network of this project offers beside its forward pass."""

from typing import Any

from torch import Tensor, nn

from src.networks.sizes import Upsampling


class ColorNetwork(nn.Module):
    """Scaled L (B,1,H,W) to raw output (B,C,h,w) at the resolution that ``upsampling`` undoes.

    What the channels mean is the objective's business: a and b, or logits of colours.
    """

    upsampling: Upsampling

    def start(self, constant: Tensor) -> None:
        """Make ready for a new training; nothing here.

        Args:
            constant: raw output (C,) of the best constant colour, for networks that start there.
        """

    def keep_features(self, keep: bool) -> None:
        """Whether inputs come again and again unchanged, so that work on them can be kept."""

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """What an optimizer with learning rate ``lr`` trains."""
        return [{"params": [weight for weight in self.parameters() if weight.requires_grad]}]
