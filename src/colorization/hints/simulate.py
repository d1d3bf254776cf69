"""Simulate the hints of a user from the true colours of photographs, on the device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from colorization.color import LabBatch

LARGEST = 9  # px, side of a spot
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
        """Simulate hints (B,3,H,W) for photographs."""
        counts = self.counts(batch.L)
        most = max(1, int(counts.max()))
        centers, shown = self.paths(batch.L, most)
        sizes = torch.randint(1, LARGEST + 1, (len(batch.L), most), device=batch.L.device)
        sizes = torch.where(shown[..., 1], sizes.clamp(min=STEP), sizes)
        shown &= (torch.arange(most, device=batch.L.device) < counts[:, None])[..., None]
        return draw_true_hints(batch.ab, centers, sizes, shown)

    def counts(self, L: Tensor) -> Tensor:
        """Draw the number of hints of each photograph, (B,)."""
        chance = min(1 / self.mean, 1 - 1e-7)
        some = torch.empty(len(L), device=L.device).geometric_(chance).clamp(max=MOST)
        is_none = torch.rand(len(L), device=L.device) < self.automatic
        return some.where(~is_none, 0).long()

    def paths(self, L: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Draw centres of squares (B,N,T,2), and whether each is shown (B,N,T); a spot has one."""
        slopes = lightness_gradient(L)
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
        """Draw the row and column at which each hint begins, (B,N,2)."""
        size = torch.tensor(slopes.shape[-2:], device=slopes.device)
        anywhere = (torch.rand(len(slopes), count, 2, device=slopes.device) * size).floor()
        even = 1 / (1 + (slopes.norm(dim=1) / EDGE).square())
        drawn = torch.multinomial(even.flatten(1), count, replacement=True)
        inside = torch.stack([drawn // size[1], drawn % size[1]], dim=-1).float()
        is_anywhere = torch.rand(len(slopes), count, 1, device=slopes.device) < 0.5
        return anywhere.where(is_anywhere, inside)


def lightness_gradient(L: Tensor) -> Tensor:
    """Return the slope of L (B,1,H,W) by row and by column, (B,2,H,W), over two pixels."""
    padded = F.pad(L, (1, 1, 1, 1), mode="replicate")
    by_row = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    by_column = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    return torch.cat([by_row, by_column], dim=1)


def at(values: Tensor, place: Tensor) -> Tensor:
    """Return values (B,C,H,W) at rows and columns (B,N,2), as (B,N,C)."""
    row, column = place.round().long().unbind(dim=-1)
    flat = (row * values.shape[-1] + column)[:, None].expand(-1, values.shape[1], -1)
    return values.flatten(2).gather(2, flat).transpose(1, 2)


def within(place: Tensor, L: Tensor) -> Tensor:
    """Move rows and columns (B,N,2) inside L (B,1,H,W)."""
    last = torch.tensor(L.shape[-2:], device=L.device) - 1
    return torch.minimum(place.clamp(min=0), last)


def draw_true_hints(ab: Tensor, centers: Tensor, sizes: Tensor, shown: Tensor) -> Tensor:
    """Draw hints (B,3,H,W), each in the mean true colour of the pixels that it covers.

    Args:
        ab: (B,2,H,W), CIE units.
        centers: row and column of pixels, (B,N,T,2), int64: T squares make one hint, a stroke.
        sizes: px, the side of a hint's squares, (B,N), 1 to 9.
        shown: whether each square is drawn, (B,N,T), bool.
    """
    height, width = ab.shape[-2:]
    labels = label_pixels(centers, sizes, shown, height, width)[:, None]
    both = labels.expand(-1, 2, -1, -1).flatten(2)
    sums = ab.new_zeros(len(ab), 2, centers.shape[1] + 1)
    areas = sums.scatter_add(2, both, torch.ones_like(ab).flatten(2))
    means = sums.scatter_add(2, both, ab.flatten(2)) / areas.clamp(min=1)
    mask = labels > 0
    return torch.cat([means.gather(2, both).view_as(ab) * mask, mask.to(ab)], dim=1)


def label_pixels(centers: Tensor, sizes: Tensor, shown: Tensor, height: int, width: int) -> Tensor:
    """Label each pixel with its topmost hint, (B,H,W): 0 for none, n + 1 for the n-th.

    Arguments are those of :func:`draw_true_hints`. Squares beyond the border are left out.
    """
    batch, count, squares = shown.shape
    side = torch.arange(LARGEST, device=centers.device)
    first = centers - ((sizes - 1) // 2)[..., None, None]
    rows, columns = (axis[..., None] + side for axis in first.unbind(dim=-1))
    is_in = side < sizes[..., None, None]
    in_rows = is_in & (rows >= 0) & (rows < height) & shown[..., None]
    in_columns = is_in & (columns >= 0) & (columns < width)
    is_on = in_rows[..., :, None] & in_columns[..., None, :]
    place = (rows[..., :, None] * width + columns[..., None, :]).where(is_on, 0)
    label = torch.arange(1, count + 1, device=centers.device)[None, :, None, None, None]
    label = label.expand(batch, count, squares, LARGEST, LARGEST).where(is_on, 0)
    labels = centers.new_zeros(batch, height * width)
    labels.scatter_reduce_(1, place.flatten(1), label.flatten(1), "amax")
    return labels.view(batch, height, width)


def draw_spots(ab: Tensor, places: Tensor, size: int) -> Tensor:
    """Draw square hints (B,3,H,W) of ``size`` px in the true colours around pixels (B,N,2)."""
    shown = torch.ones(*places.shape[:2], 1, dtype=torch.bool, device=ab.device)
    sizes = torch.full(places.shape[:2], size, device=ab.device)
    return draw_true_hints(ab, places[:, :, None], sizes, shown)
