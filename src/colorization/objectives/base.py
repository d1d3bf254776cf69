"""The base of every objective."""

from collections.abc import Iterable

from torch import Tensor, nn

from colorization.networks.resize import Upsampling


class Objective(nn.Module):
    """Turns raw output (B,C,h,w), which is coarser than the photograph, into ab and a loss."""

    channels: int
    """Of the raw output."""
    monitor = "val/mse"
    """The score that chooses the best weights: smaller is better."""

    def start(self, ab: Iterable[Tensor]) -> Tensor:
        """Fit what is taken from the training set.

        Args:
            ab: its batches (B,2,H,W), CIE units.

        Returns:
            The raw output (C,) of the constant that is best on it.
        """
        raise NotImplementedError

    def decode(self, raw: Tensor) -> Tensor:
        """Turn raw output of any precision into ab (B,2,h,w) in CIE units, float32."""
        raise NotImplementedError

    def likely(self, raw: Tensor) -> Tensor:
        """Return the likeliest colours (N,2) of a pixel from its raw output (V,C) in V views."""
        return self.decode(raw[..., None, None])[..., 0, 0].mean(dim=0, keepdim=True)

    def uncertainty(self, raw: Tensor) -> Tensor | None:
        """Return the uncertainty of every pixel's colour (B,1,h,w), CIE units; None if unknown."""
        return None

    def forward(self, raw: Tensor, ab: Tensor, upsampling: Upsampling) -> Tensor:
        """Return the loss of raw output against the true ab (B,2,H,W) in CIE units."""
        raise NotImplementedError
