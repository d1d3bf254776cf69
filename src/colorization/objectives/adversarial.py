"""An adversary: a network that is trained to tell coloured photographs from true ones.

Its loss is added to the network's, in one step of one optimizer, so that schedules, checkpoints
and averaging work as in every training.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorization.color import LabBatch, scale_lightness
from colorization.data.processes import mean_over_processes
from colorization.objectives.perceptual import Term

log = logging.getLogger(__name__)

COLOR_SCALE = 32  # CIE units, for a and b to vary as L does
MEMORY = 0.9  # of the running share of patches told apart: 30 steps from a half to nearly all
UNKNOWN = 0.5  # share at the start
TOO_EASY = 0.98  # share above which the adversary teaches nothing


class PatchAdversary(Term):
    """A discriminator of patches (Isola et al. 2017), with the hinge loss and spectral norm.

    It sees L, and judges patches of 22 px. It begins late. If it tells nearly all patches apart, or
    its loss is not finite, it has collapsed, and training goes on without it.

    Args:
        weight: of its judgement of the predicted colours, in the network's loss.
        begin: share of the training that is over when it begins.
        width: filters of its first layer; 32 makes 0.2 million parameters.
    """

    told_apart: Tensor
    collapsed: Tensor

    def __init__(self, weight: float, begin: float, width: int) -> None:
        super().__init__(weight)
        self.begin = begin
        layers: list[nn.Module] = []
        before = 3
        for filters in (width, 2 * width, 4 * width):
            layers.append(spectral_norm(nn.Conv2d(before, filters, 4, stride=2, padding=1)))
            layers.append(nn.LeakyReLU(0.2))
            before = filters
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(before, 1, 1)))
        self.register_buffer("told_apart", torch.tensor(UNKNOWN))
        self.register_buffer("collapsed", torch.tensor(False))

    def is_on(self, progress: float) -> bool:
        """Decide whether it takes part when a share ``progress`` of the training is over."""
        return progress >= self.begin and not self.collapsed

    @property
    def has_begun(self) -> bool:
        return bool(self.collapsed) or float(self.told_apart) != UNKNOWN

    def forward(self, predicted: LabBatch, truth: LabBatch) -> Tensor:
        """Return its own loss plus the weighted one of the predicted colours; 0 as it collapses."""
        true = self.judge(truth)
        false = self.judge(LabBatch(predicted.L, predicted.ab.detach()))
        own = (1 - true).relu().mean() + (1 + false).relu().mean()
        with self.freeze():
            loss = own - self.weight * self.judge(predicted).mean()
        self.watch(true.detach(), false.detach(), loss.detach())
        return predicted.L.new_zeros(()) if self.collapsed else loss

    def judge(self, batch: LabBatch) -> Tensor:
        """Score patches, (B,1,h,w): above 0 for those that look true."""
        seen = torch.cat([scale_lightness(batch.L), batch.ab / COLOR_SCALE], dim=1)
        found: Tensor = self.layers(seen)
        return found.float()

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Keep gradients out of the adversary's own weights meanwhile."""
        self.layers.requires_grad_(False)
        try:
            yield
        finally:
            self.layers.requires_grad_(True)

    def watch(self, true: Tensor, false: Tensor, loss: Tensor) -> None:
        """Update the share of patches told apart, and notice a collapse, in all processes alike."""
        share = ((true > 0).float().mean() + (false < 0).float().mean()) / 2
        share, loss = mean_over_processes(torch.stack([share, loss]), len(true))
        is_finite = bool(loss.isfinite())
        self.told_apart.lerp_(share, 1 - MEMORY)
        if is_finite and self.told_apart <= TOO_EASY:
            return
        self.collapsed.fill_(True)
        why = f"it tells {self.told_apart:.0%} of all patches apart" if is_finite else "not finite"
        log.warning("the adversary has collapsed (%s); training goes on without it", why)
