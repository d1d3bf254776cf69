"""What the processes that share a batch tell each other."""

from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Found = TypeVar("Found")


def is_joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(values: Tensor) -> Tensor:
    """Values of any shape, added up; they are left as they are in a process that is alone."""
    if is_joined():
        values = values.clone()
        dist.all_reduce(values)
    return values


def gathered(value: Found) -> list[Found]:
    """What each process has, in all of them."""
    if not is_joined():
        return [value]
    found: list[Found] = [value] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def mean_over_processes(means: Tensor, count: int) -> Tensor:
    """Means (N,) over the ``count`` photographs of this process, over those of all processes."""
    if not is_joined():
        return means
    sums = sum_over_processes(torch.cat([means * count, means.new_tensor([count])]))
    return sums[:-1] / sums[-1]
