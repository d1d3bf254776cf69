"""Means over an epoch that may have been resumed in its midst."""

from collections.abc import Mapping

import torch
from torch import Tensor

from colorization.data.processes import sum_over_processes

Sums = dict[str, tuple[Tensor, float]]  # by name, of values by their weights, and of those


class EpochMeans:
    """What an epoch's steps add up to, those too that it made before it was resumed."""

    def __init__(self) -> None:
        self.sums: Sums = {}
        self.before: Sums = {}

    def start(self) -> None:
        """Begin a new epoch."""
        self.sums, self.before = {}, {}

    def add(self, name: str, value: Tensor, weight: float) -> tuple[Tensor, float]:
        """Count in a step's mean over so many photographs.

        Returns:
            What a mean over the steps from now on needs of it, value and weight, to be that of
            the whole epoch.
        """
        total, count = self.sums.get(name, (torch.zeros_like(value), 0.0))
        self.sums[name] = (total + value.detach() * weight, count + weight)
        before, count = self.before.pop(name, (value, 0.0))
        mean = (before + value * weight) / (count + weight) if count else value
        return mean, count + weight

    def state(self) -> Sums:
        """Sums of all processes, each of which calls this."""
        if not self.sums:
            return {}
        pairs = [torch.stack([total, total.new_tensor(n)]) for total, n in self.sums.values()]
        sums = sum_over_processes(torch.stack(pairs))
        return {name: (total, float(n)) for name, (total, n) in zip(self.sums, sums, strict=True)}

    def load(self, state: Mapping[str, tuple[Tensor, float]], is_first: bool) -> None:
        """Go on from a state; the first process has what all of them had."""
        self.sums = dict(state) if is_first else {}
        self.before = dict(self.sums)
