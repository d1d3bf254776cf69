"""Exchange values between the processes that share a batch."""

from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Found = TypeVar("Found")


def is_joined() -> bool:
    """Tell whether this process is one of several."""
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(values: Tensor) -> Tensor:
    """Add up values of any shape; a process that is alone gets them as they are."""
    if is_joined():
        values = values.clone()
        dist.all_reduce(values)
    return values


def gather(value: Found) -> list[Found]:
    """Return the values of all processes, in each of them."""
    if not is_joined():
        return [value]
    found: list[Found] = [value] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def mean_over_processes(means: Tensor, count: int) -> Tensor:
    """Turn means (N,) over this process's ``count`` photographs into means over all processes'."""
    if not is_joined():
        return means
    sums = sum_over_processes(torch.cat([means * count, means.new_tensor([count])]))
    return sums[:-1] / sums[-1]
