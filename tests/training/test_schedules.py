"""Learning rates against PyTorch's own schedules and at their ends."""

from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from colorization.training.schedules import constant, cosine, one_cycle

RATE = 0.01


def rates(make: Callable[[torch.optim.Optimizer], LRScheduler], steps: int) -> list[float]:
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=RATE, betas=(0.8, 0.99))
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.99)
    return found


def test_constant() -> None:
    assert rates(lambda o: constant(o, 5), 5) == [RATE] * 5


def test_cosine_is_pytorch_s() -> None:
    expected = rates(lambda o: CosineAnnealingLR(o, 20, eta_min=0.1 * RATE), 20)
    assert rates(lambda o: cosine(o, 20, final=0.1), 20) == pytest.approx(expected)


def test_one_cycle_rises_to_the_rate_and_falls() -> None:
    found = rates(lambda o: one_cycle(o, 100, warmup=0.3), 100)
    assert found[:30] == sorted(found[:30])
    assert found[30:] == sorted(found[30:], reverse=True)
    assert max(found) == pytest.approx(RATE, rel=0.01)
    assert found[0] == pytest.approx(RATE / 25, rel=0.1)
    assert found[-1] < RATE / 500


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("warmup", [0, 0.2, 1])
def test_one_cycle_of_few_steps_still_learns(steps: int, warmup: float) -> None:
    found = rates(lambda o: one_cycle(o, steps, warmup), steps + 2)
    assert max(found) > RATE / 4
