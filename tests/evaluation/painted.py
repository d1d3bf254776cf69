"""Pictures that tests of folders paint."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from colorization.color import from_uint8, lab_to_rgb, rgb_to_lab, to_uint8

SIZE = (48, 40)  # px, width and height
COUNT = 8


def paint(seed: int) -> np.ndarray:
    """A smooth colourful picture that is no mirror image of itself."""
    random = np.random.default_rng(seed)
    noise = gaussian_filter(random.normal(size=(SIZE[1], SIZE[0], 3)), (5, 5, 0))
    scaled: np.ndarray = np.clip(noise / noise.std() * 40 + 120, 20, 235).astype(np.uint8)
    return scaled


def tint(pixels: np.ndarray, strength: float) -> np.ndarray:
    """The picture with its colours scaled in Lab, and its own lightness."""
    lab = rgb_to_lab(from_uint8(torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    return to_uint8(lab_to_rgb(lab.L, lab.ab * strength))[0].permute(1, 2, 0).numpy()


def save(folder: Path, name: str, pixels: np.ndarray, **options: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name, **options)
