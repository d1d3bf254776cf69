"""Hints as a user may give them, made up for training."""

import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import LabBatch
from colorization.hints.encode import LARGEST, true_hints

MOST = 100  # hints of a photograph
SQUARES = 10  # of a stroke, at the most
STEP = 3  # px between them, so that strokes are at least as wide
EDGE = 4.0  # of L a pixel: a slope that halves the chance of a hint
REGION = 12.0  # of L: a stroke ends where lightness is that far from where it began
TURNING = 0.5  # of a stroke at each step, towards where lightness does not change


class SimulatedHints:
    """Spots and strokes with the mean true colour of what lies below them.

    Spots are squares of 1 to 9 px, their number geometric (after Zhang et al. 2017, "Real-Time
    User-Guided Image Colorization with Learned Deep Priors", section 3.2). Half of them lie
    anywhere, half rather where lightness is even. A stroke goes along lightness that stays the
    same. All is drawn from PyTorch's own generator of the device.

    Args:
        automatic: share of the photographs that have none.
        mean: number of hints of the others, on average.
        strokes: share of the hints that are strokes.
    """

    def __init__(self, automatic: float, mean: float, strokes: float) -> None:
        self.automatic = automatic
        self.mean = mean
        self.strokes = strokes

    def __call__(self, batch: LabBatch) -> Tensor:
        """Hints (B,3,H,W) for photographs."""
        counts = self.counts(batch.L)
        most = max(1, int(counts.max()))
        centers, shown = self.paths(batch.L, most)
        sizes = torch.randint(1, LARGEST + 1, (len(batch.L), most), device=batch.L.device)
        sizes = torch.where(shown[..., 1], sizes.clamp(min=STEP), sizes)
        shown &= (torch.arange(most, device=batch.L.device) < counts[:, None])[..., None]
        return true_hints(batch.ab, centers, sizes, shown)

    def counts(self, L: Tensor) -> Tensor:
        """Number of hints of each photograph, (B,)."""
        chance = min(1 / self.mean, 1 - 1e-7)
        some = torch.empty(len(L), device=L.device).geometric_(chance).clamp(max=MOST)
        is_none = torch.rand(len(L), device=L.device) < self.automatic
        return some.where(~is_none, 0).long()

    def paths(self, L: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Centres of squares (B,N,T,2) and whether they are shown (B,N,T): of a spot, the first."""
        slopes = gradient(L)
        place = self.starts(slopes, count)
        start = at(L, place)
        angle = 2 * torch.pi * torch.rand(len(L), count, 1, device=L.device)
        heading = torch.cat([angle.sin(), angle.cos()], dim=-1)
        length = torch.randint(2, SQUARES + 1, (len(L), count), device=L.device)
        is_stroke = torch.rand(len(L), count, device=L.device) < self.strokes
        length = length.where(is_stroke, 1)
        centers, shown = [place], [length > 0]
        for step in range(1, SQUARES):
            slope = at(slopes, place)
            along = torch.stack([slope[..., 1], -slope[..., 0]], dim=-1)
            along = along * (along * heading).sum(dim=-1, keepdim=True).sign()
            steepness = along.norm(dim=-1, keepdim=True)
            heading = F.normalize(heading + TURNING * along / steepness.clamp(min=1), dim=-1)
            place = within(place + STEP * heading, L)
            is_alike = (at(L, place) - start).abs()[..., 0] < REGION
            centers.append(place)
            shown.append(shown[-1] & (step < length) & is_alike)
        return torch.stack(centers, dim=2).round().long(), torch.stack(shown, dim=2)

    def starts(self, slopes: Tensor, count: int) -> Tensor:
        """Row and column of where hints begin, (B,N,2)."""
        size = torch.tensor(slopes.shape[-2:], device=slopes.device)
        anywhere = (torch.rand(len(slopes), count, 2, device=slopes.device) * size).floor()
        even = 1 / (1 + (slopes.norm(dim=1) / EDGE).square())
        drawn = torch.multinomial(even.flatten(1), count, replacement=True)
        inside = torch.stack([drawn // size[1], drawn % size[1]], dim=-1).float()
        is_anywhere = torch.rand(len(slopes), count, 1, device=slopes.device) < 0.5
        return anywhere.where(is_anywhere, inside)


def gradient(L: Tensor) -> Tensor:
    """Of L (B,1,H,W) by row and by column, (B,2,H,W), over two pixels."""
    padded = F.pad(L, (1, 1, 1, 1), mode="replicate")
    by_row = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    by_column = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    return torch.cat([by_row, by_column], dim=1)


def at(values: Tensor, place: Tensor) -> Tensor:
    """Values (B,C,H,W) at rows and columns (B,N,2) inside: (B,N,C)."""
    row, column = place.round().long().unbind(dim=-1)
    flat = (row * values.shape[-1] + column)[:, None].expand(-1, values.shape[1], -1)
    return values.flatten(2).gather(2, flat).transpose(1, 2)


def within(place: Tensor, L: Tensor) -> Tensor:
    """Rows and columns (B,N,2) brought inside of L (B,1,H,W)."""
    last = torch.tensor(L.shape[-2:], device=L.device) - 1
    return torch.minimum(place.clamp(min=0), last)
