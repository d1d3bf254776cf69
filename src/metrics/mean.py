"""The state that every metric shares: a mean over photographs, however they are batched."""

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanOverPhotographs(Metric):
    """Averages one value a photograph; a metric's ``update`` hands them to :meth:`add`."""

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def add(self, values: Tensor) -> None:
        """Take the values (B,) of B photographs."""
        self.total = self.total + values.sum()
        self.count = self.count + len(values)

    def compute(self) -> Tensor:
        return self.total / self.count
