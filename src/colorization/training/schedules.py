"""Learning-rate schedules over a run's optimizer steps, as factors of the optimizer's own rate.

PyTorch's CosineAnnealingLR and OneCycleLR keep the number of steps in a checkpoint; these take
the resumed run's, so that a run can be resumed with another number of epochs.
"""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Keep the optimizer's learning rate, as the paper does."""
    return LambdaLR(optimizer, lambda step: 1.0)


def cosine(optimizer: Optimizer, total_steps: int, final: float) -> LRScheduler:
    """Fall along half a cosine to ``final`` times the optimizer's learning rate."""
    return LambdaLR(optimizer, lambda step: interpolate(1, final, step / total_steps))


def one_cycle(optimizer: Optimizer, total_steps: int, warmup: float) -> LRScheduler:
    """Rise to the optimizer's learning rate for a share ``warmup`` of the steps, then fall.

    Smith and Topin 2018, "Super-convergence", with cosines; momentum stays as it is set.
    """

    def factor(step: int) -> float:
        done = (step + 0.5) / total_steps
        if done < warmup:
            return interpolate(ONE_CYCLE_START, 1, done / warmup)
        return interpolate(1, ONE_CYCLE_END, (done - warmup) / max(1 - warmup, 1e-9))

    return LambdaLR(optimizer, factor)


def interpolate(start: float, end: float, share: float) -> float:
    """Go from start to end along half a cosine; share is 0 to 1, and counts as 1 beyond."""
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
