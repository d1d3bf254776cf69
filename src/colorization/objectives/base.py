"""What every objective offers."""

from collections.abc import Iterable

from torch import Tensor, nn

from colorization.networks.resize import Upsampling


class Objective(nn.Module):
    """Gives meaning to raw output (B,C,h,w), which is coarser than the photograph."""

    channels: int
    """Of the raw output."""
    monitor = "val/mse"
    """What the best weights are chosen by: smaller is better."""

    def start(self, ab: Iterable[Tensor]) -> Tensor:
        """Take from a training set what is needed of it.

        Args:
            ab: its batches (B,2,H,W), CIE units.

        Returns:
            The raw output (C,) of the constant that is best on it.
        """
        raise NotImplementedError

    def decode(self, raw: Tensor) -> Tensor:
        """Raw output of any precision to ab (B,2,h,w) in CIE units, float32."""
        raise NotImplementedError

    def likely(self, raw: Tensor) -> Tensor:
        """The likeliest colours (N,2) of a pixel, CIE units, by its raw output (V,C) in V views."""
        return self.decode(raw[..., None, None])[..., 0, 0].mean(dim=0, keepdim=True)

    def uncertainty(self, raw: Tensor) -> Tensor | None:
        """How unsure every pixel's colour is, (B,1,h,w), CIE units; None if that is not said."""
        return None

    def forward(self, raw: Tensor, ab: Tensor, upsampling: Upsampling) -> Tensor:
        """The loss of raw output against the true ab (B,2,H,W) in CIE units."""
        raise NotImplementedError
