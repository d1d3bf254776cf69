"""Learning-rate schedules over a run's optimizer steps, as factors of the optimizer's own rate.

A run that is resumed with another number of epochs goes on along the schedule of that number.
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
    return LambdaLR(optimizer, lambda step: between(1, final, step / total_steps))


def one_cycle(optimizer: Optimizer, total_steps: int, warmup: float) -> LRScheduler:
    """Rise to the optimizer's learning rate for a share ``warmup`` of the steps, then fall.

    Smith and Topin 2018, "Super-convergence", with cosines; momentum stays as it is set.
    """

    def factor(step: int) -> float:
        done = (step + 0.5) / total_steps
        if done < warmup:
            return between(ONE_CYCLE_START, 1, done / warmup)
        return between(1, ONE_CYCLE_END, (done - warmup) / max(1 - warmup, 1e-9))

    return LambdaLR(optimizer, factor)


def between(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine; share is 0 to 1, and 1 beyond."""
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
