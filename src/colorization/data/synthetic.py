"""Render scenes whose best possible error is known: for tests, demos and a first run.

A scene is made of materials. Each has a texture and a place, which show in L, and a distribution
of colour, which does not: one or two equally likely colours, plus a uniform spread, drawn once a
scene. Nothing in L tells which was drawn, so no predictor has a smaller mean squared error than
the variance of colour given material.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from colorization.color import AB_SCALE, lab_to_rgb, to_uint8


@dataclass(frozen=True)
class Material:
    """Colours (a, b) in CIE units, equally likely, each with a uniform spread either way; the
    range of L that its texture, in 0..1, is stretched over."""

    colors: tuple[tuple[float, float], ...]
    spread: float
    darkest: float
    lightest: float

    @property
    def variance(self) -> float:
        """Variance of colour, averaged over a and b."""
        colors = torch.tensor(self.colors, dtype=torch.float64)
        between = (colors - colors.mean(0)).square().mean().item()
        return between + self.spread**2 / 3


# Inside sRGB at every L, colour and spread: a test checks it.
MATERIALS = {
    "sky": Material(((-4, -20),), 4, 64, 82),
    "sea": Material(((-10, -15),), 4, 34, 56),
    "sand": Material(((3, 24),), 4, 66, 86),
    "grass": Material(((-26, 34),), 5, 34, 62),
    "wood": Material(((12, 26),), 4, 26, 48),
    "brick": Material(((28, 22),), 4, 34, 58),
    "fur": Material(((16, 34), (-4, -12)), 3, 32, 72),
    "ball": Material(((48, 26), (8, -36)), 3, 38, 60),
}
NAMES = list(MATERIALS)
SPLITS = {"train": 0, "val": 1, "test": 2}


class SyntheticScenes:
    """Scenes by split and index, the same for the same seed on every machine.

    Args:
        name: of the dataset, in tables and folder names.
        size: side of a scene in px.
        train, val, test: how many scenes.
        seed: another seed is another set.
    """

    def __init__(self, name: str, size: int, train: int, val: int, test: int, seed: int) -> None:
        self.name = name
        self.size = size
        self.counts = {"train": train, "val": val, "test": test}
        self.seed = seed

    def prepare(self) -> None:
        """Do nothing: there is nothing to fetch."""

    def names(self, split: str) -> list[str]:
        """Return the names of the scenes of a split; ``all`` are those of test."""
        split = "test" if split == "all" else split
        return [f"{split}_{index:05d}" for index in range(self.counts[split])]

    def read(self, name: str, size: int | None) -> Tensor:
        """Render a scene as uint8 (3,S,S); at its own size or, resized, at another."""
        split, index = name.split("_")
        L, ab, _ = self.scene(split, int(index))
        rgb = lab_to_rgb(L, ab)
        if size not in (None, self.size):
            rgb = F.interpolate(rgb, (size, size), mode="bilinear", antialias=True)
        return to_uint8(rgb)[0]

    def stamp(self, name: str) -> str:
        """Return what the scenes depend on."""
        return str(self.seed)

    def best_mse(self, split: str) -> float:
        """Return the smallest expected mean squared error on a split, in units of ab/128.

        It is each material's variance of colour, weighted by its share of the pixels.
        """
        variances = torch.tensor([m.variance for m in MATERIALS.values()], dtype=torch.float64)
        scenes = (self.scene(split, index)[2] for index in range(self.counts[split]))
        means = [variances[materials].mean() for materials in scenes]
        return torch.stack(means).mean().item() / AB_SCALE**2

    def scene(self, split: str, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Render L (1,1,S,S), ab (1,2,S,S) in CIE units, and each pixel's index in NAMES (S,S)."""
        seed = (self.seed * len(SPLITS) + SPLITS[split]) * 1_000_003 + index
        generator = Generator().manual_seed(seed)
        materials, texture = compose(self.size, generator)
        L = torch.empty(self.size, self.size)
        ab = torch.empty(2, self.size, self.size)
        for number, material in enumerate(MATERIALS.values()):
            choice = int(torch.randint(len(material.colors), (), generator=generator))
            shift = (torch.rand(2, generator=generator) * 2 - 1) * material.spread
            here = materials == number
            reach = material.lightest - material.darkest
            L[here] = material.darkest + reach * texture[here]
            ab[:, here] = (torch.tensor(material.colors[choice]) + shift)[:, None]
        return L[None, None], ab[None], materials


def compose(size: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Lay out a scene: material of every pixel, and its texture in 0..1, both (S,S)."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    y, x = torch.meshgrid(*[(torch.arange(size) + 0.5) / size] * 2, indexing="ij")
    noise = Noise(size, generator)
    materials = torch.full((size, size), NAMES.index("sky"))
    texture = 0.25 + 0.35 * y + 0.5 * noise(3, 2)

    def paint(name: str, where: Tensor, look: Tensor) -> None:
        materials[where] = NAMES.index(name)
        texture[where] = look[where]

    horizon = uniform(0.3, 0.5)
    hills = horizon + 0.06 * (noise(1, 4) - 0.5)
    scenery = int(torch.randint(3, (), generator=generator))
    if scenery == 0:
        paint("grass", y > hills, blades(noise, y))
    elif scenery == 1:
        paint("sea", y > horizon, waves(noise, y, horizon))
        shore = uniform(0.6, 0.7) + 0.08 * (noise(1, 3) - 0.5)
        paint("sand", y > shore, 0.35 + 0.4 * noise(size // 2, size // 2) + 0.25 * noise(4, 4))
    else:
        paint("brick", y > horizon - 0.15, bricks(noise, y, x))
        paint("wood", y > uniform(0.62, 0.72), planks(noise, y))
    ball_x, ball_y, radius = uniform(0.15, 0.4), uniform(0.5, 0.72), uniform(0.12, 0.18)
    pet_x, pet_y, length = uniform(0.6, 0.8), uniform(0.62, 0.72), uniform(0.17, 0.22)
    paint("ball", disc(y, x, ball_y, ball_x, radius) < 1, stripes(y, x, ball_y, ball_x, radius))
    head_y, head_x = pet_y - 0.75 * length, pet_x - 0.75 * length
    body = disc(y, x, pet_y, pet_x, length, 0.75)
    head = disc(y, x, head_y, head_x, 0.6 * length)
    paint("fur", body < 1, hair(noise, body))
    paint("fur", head < 1, hair(noise, head))
    return materials, texture.clamp(0, 1)


class Noise:
    """Smooth noise in 0..1 with so many cells down and across."""

    def __init__(self, size: int, generator: Generator) -> None:
        self.size = size
        self.generator = generator

    def __call__(self, down: int, across: int) -> Tensor:
        grid = torch.rand(1, 1, max(down, 1), max(across, 1), generator=self.generator)
        smooth = F.interpolate(grid, (self.size, self.size), mode="bilinear", align_corners=True)
        return smooth[0, 0]


def disc(y: Tensor, x: Tensor, cy: float, cx: float, radius: float, flat: float = 1) -> Tensor:
    """Return the distance from a centre, 1 on the rim of a disc flattened to ``flat``."""
    return torch.hypot((y - cy) / (radius * flat), (x - cx) / radius)


def blades(noise: Noise, y: Tensor) -> Tensor:
    return 0.15 + 0.55 * noise(8, noise.size) + 0.3 * y * noise(12, 12)


def waves(noise: Noise, y: Tensor, horizon: float) -> Tensor:
    depth = (y - horizon).clamp(min=0.02)
    crests = 0.5 + 0.5 * torch.sin(10 / (depth + 0.1) + 4 * noise(4, 6))
    return 0.15 + 0.45 * crests + 0.4 * noise(noise.size // 3, 6)


def planks(noise: Noise, y: Tensor) -> Tensor:
    gap = (y * 12) % 1 < 0.15
    return torch.where(gap, 0.05, 0.35 + 0.6 * noise(noise.size // 2, 5))


def bricks(noise: Noise, y: Tensor, x: Tensor) -> Tensor:
    row = (y * 16).floor()
    mortar = ((y * 16) % 1 < 0.25) | ((x * 8 + 0.5 * (row % 2)) % 1 < 0.13)
    return torch.where(mortar, 0.95, 0.2 + 0.4 * noise(16, 8))


def stripes(y: Tensor, x: Tensor, cy: float, cx: float, radius: float) -> Tensor:
    turn = torch.atan2(y - cy + 0.3 * radius, x - cx + 0.2 * radius)
    shade = 0.75 - 0.5 * disc(y, x, cy - 0.4 * radius, cx - 0.3 * radius, 1.6 * radius)
    return shade + 0.25 * (torch.sin(6 * turn) > 0)


def hair(noise: Noise, rim: Tensor) -> Tensor:
    curls = 0.5 + 0.5 * torch.sin(2 * math.pi * (2.5 * rim + 2.5 * noise(6, 6)))
    return 0.85 - 0.55 * rim.clamp(max=1) ** 2 + 0.3 * (curls - 0.5) + 0.3 * (noise(32, 32) - 0.5)
