"""Batches that several processes share."""

from collections.abc import Iterator, Sized
from typing import Protocol

import torch
from torch.utils.data import Sampler

from colorization.data.seeds import derived


class Order(Sized, Protocol):
    """A sampler of which it is known how many it gives."""

    def __iter__(self) -> Iterator[int]: ...


class Shuffled(Sampler[int]):
    """Rows in an order that depends on seed and epoch alone, so that a run can be gone on with.

    Args:
        count: of rows.
        seed: of the run.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this, by this name, before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        random = torch.Generator().manual_seed(derived(self.seed, "order", self.epoch))
        return iter(torch.randperm(self.count, generator=random).tolist())


class BatchShares(Sampler[list[int]]):
    """One process's part of every batch: in all of them together everything comes exactly once.

    Batches are the same however many processes there are, but for one: a last batch with fewer
    than one for each process joins the one before. Parts of a batch differ by one at the most.

    Args:
        sampler: the order in which all processes together go through the data; where it depends
            on the epoch, Lightning tells it (it looks for this name).
        size: of a batch, over all processes.
        rank: of this process, from 0.
        processes: how many; at most ``size``, and at most what ``sampler`` gives.
    """

    def __init__(self, sampler: Order, size: int, rank: int = 0, processes: int = 1) -> None:
        self.sampler = sampler
        self.size = size
        self.rank = rank
        self.processes = processes
        self.begin = 0
        """The batch that the next epoch begins with; the one after begins with the first."""

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.size)
        return full + (rest >= self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        begin, self.begin = self.begin, 0
        order = list(self.sampler)
        for step in range(begin, len(self)):
            yield order[self.span(step)][self.rank :: self.processes]

    def rows(self, step: int) -> list[int]:
        """This process's part of one batch of the epoch at hand."""
        return list(self.sampler)[self.span(step)][self.rank :: self.processes]

    def span(self, step: int) -> slice:
        """Where a batch, of all processes, lies in the order."""
        is_last = step == len(self) - 1
        end = len(self.sampler) if is_last else (step + 1) * self.size
        return slice(step * self.size, end)

    def count(self, step: int) -> int:
        """Size of a batch, over all processes."""
        span = self.span(step)
        return int(span.stop - span.start)

    def weight(self, step: int) -> float:
        """What turns a mean over this process's part into its share of a mean over processes."""
        part = len(range(self.rank, self.count(step), self.processes))
        return part * self.processes / self.count(step)
