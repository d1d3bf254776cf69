"""Batches of uint8 pictures: their order, each process's share, and where an epoch goes on."""

import hashlib
from collections.abc import Iterator, Mapping, Sized
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from colorization.data.photographs import Pixels


def derive_seed(seed: int, purpose: str, *numbers: int) -> int:
    """Derive a seed in 0..2**63-1 from a run's seed, for one purpose and, say, one epoch.

    A hash, for a sum would make the second epoch of seed 0 the first of seed 1. All its bits are
    alike, for PyTorch's generator on the CPU takes the low 32 only.
    """
    said = repr((seed, purpose, *numbers)).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") >> 1


class Order(Sized, Protocol):
    """A sampler with a length."""

    def __iter__(self) -> Iterator[int]: ...


class Shuffled(Sampler[int]):
    """Shuffle rows by seed and epoch alone, so that a run can be resumed.

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
        random = torch.Generator().manual_seed(derive_seed(self.seed, "order", self.epoch))
        return iter(torch.randperm(self.count, generator=random).tolist())


class BatchShares(Sampler[list[int]]):
    """One process's part of every batch; all processes together get every row exactly once.

    Batches do not depend on the number of processes, with one exception: a last batch with fewer
    rows than processes joins the one before. Parts of a batch differ by one row at the most.
    PyTorch's DistributedSampler repeats rows to make the parts equal, and has no position.

    Args:
        sampler: the order of the rows for all processes together; Lightning finds it by this name
            and sets its epoch.
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
        """The batch that the next epoch begins with; epochs after it begin with the first."""

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.size)
        return full + (rest >= self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        begin, self.begin = self.begin, 0
        order = list(self.sampler)
        for step in range(begin, len(self)):
            yield order[self.span(step)][self.rank :: self.processes]

    def rows(self, step: int) -> list[int]:
        """Return this process's part of one batch of this epoch."""
        return list(self.sampler)[self.span(step)][self.rank :: self.processes]

    def span(self, step: int) -> slice:
        """Return the place of a batch, of all processes, in the order."""
        is_last = step == len(self) - 1
        end = len(self.sampler) if is_last else (step + 1) * self.size
        return slice(step * self.size, end)

    def count(self, step: int) -> int:
        """Return the size of a batch, over all processes."""
        span = self.span(step)
        return int(span.stop - span.start)

    def weight(self, step: int) -> float:
        """Return the factor of this process's mean over its part in a mean over all processes."""
        part = len(range(self.rank, self.count(step), self.processes))
        return part * self.processes / self.count(step)


class PixelDataset(Dataset[Tensor]):
    """uint8 pictures, taken a whole batch at a time."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: list[int]) -> Tensor:
        return self.pixels[indices]


class ResumableLoader(DataLoader[Tensor]):
    """Batches of uint8 (B,3,H,W), which go on in the middle of an epoch.

    They are loaded in this process: workers would take its cores away. torchdata's
    StatefulDataLoader would read the batches again that were seen before an interruption.
    """

    def __init__(self, pixels: PixelDataset, shares: "BatchShares") -> None:
        super().__init__(pixels, batch_sampler=shares, collate_fn=take_whole)
        self.shares = shares
        self.given = 0

    def __iter__(self) -> Any:  # of batches
        self.given = self.shares.begin
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of the epoch were given."""
        return {"batches": self.given % len(self)}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Begin the next epoch after the batches that were given."""
        self.shares.begin = state["batches"]


def take_whole(batch: Any) -> Any:
    """Return the batch as it is: the dataset hands out whole batches."""
    return batch
