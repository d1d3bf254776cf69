"""Squared errors of a and b."""

from torch import Tensor

from colorization.color import AB_SCALE


def ab_mse(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Average the squared error of ab/128 over channels and pixels: two (B,2,H,W) to (B,).

    In these units the paper's losses are plausible.
    """
    return ((ab - true_ab) / AB_SCALE).square().mean(dim=(1, 2, 3))


def ab_rmse(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Return the root of the mean squared error in CIE units: two (B,2,H,W) to (B,)."""
    return ab_mse(ab, true_ab).sqrt() * AB_SCALE
