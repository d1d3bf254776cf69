"""Batches of uint8 pictures, which go on in the middle of an epoch."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from colorization.data.photographs import Pixels
from colorization.data.sampling import BatchShares


class PixelDataset(Dataset[Tensor]):
    """uint8 pictures, taken a whole batch at a time."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: list[int]) -> Tensor:
        return self.pixels[indices]


class ResumableLoader(DataLoader[Tensor]):
    """Goes on in the middle of an epoch, with the batch after the last one that it gave."""

    given = 0

    def __iter__(self) -> Any:  # of batches
        self.given = self.shares.begin
        for batch in super().__iter__():
            self.given += 1
            yield batch

    @property
    def shares(self) -> BatchShares:
        """What this process has of every batch."""
        assert isinstance(self.batch_sampler, BatchShares)
        return self.batch_sampler

    def state_dict(self) -> dict[str, int]:
        return {"batches": self.given % len(self)}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.shares.begin = state["batches"]


def batches(pixels: PixelDataset, shares: BatchShares) -> ResumableLoader:
    """Batches of uint8 (B,3,H,W), loaded in this process: workers would take its cores away."""
    return ResumableLoader(pixels, batch_sampler=shares, collate_fn=as_it_is)


def as_it_is(batch: Any) -> Any:
    """No collating: the dataset hands out whole batches."""
    return batch
