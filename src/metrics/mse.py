"""Mean squared error of a and b, in the units the paper's losses are plausible in."""

from torch import Tensor

from src.color import AB_SCALE
from src.metrics.mean import MeanOverPhotographs


def ab_mse(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Mean squared error of ab/128 over channels and pixels: two (B,2,H,W) to (B,)."""
    return ((ab - true_ab) / AB_SCALE).square().mean(dim=(1, 2, 3))


class AbMSE(MeanOverPhotographs):
    """:func:`ab_mse` averaged over photographs."""

    def update(self, ab: Tensor, true_ab: Tensor) -> None:
        self.add(ab_mse(ab, true_ab))
