"""Learning-rate schedules over a run's optimizer steps."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Keep the optimizer's learning rate, as the paper does."""
    return ConstantLR(optimizer, factor=1.0)


def cosine(optimizer: Optimizer, total_steps: int, final: float) -> LRScheduler:
    """Fall along half a cosine to ``final`` times the optimizer's learning rate."""
    start = optimizer.param_groups[0]["lr"]
    return CosineAnnealingLR(optimizer, total_steps, eta_min=final * start)


def one_cycle(optimizer: Optimizer, total_steps: int, warmup: float) -> LRScheduler:
    """Rise to the optimizer's learning rate for a share ``warmup`` of the steps, then fall.

    Smith and Topin 2018, "Super-convergence".
    """
    peak = optimizer.param_groups[0]["lr"]
    return OneCycleLR(optimizer, max_lr=peak, total_steps=total_steps, pct_start=warmup)
