"""The photographs that a network colours best, middling and worst, to look at."""

import base64
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from colorization.color import LabBatch, chroma
from colorization.evaluation.datasets import Scored, Track
from colorization.evaluation.predictors import Predictor

EACH = 10
WIDEST = 192  # px of one picture on the page
WORST_ERROR = 60.0  # CIE units of ab: the bright end of the error map
QUALITY = 85


class Exhibit(NamedTuple):
    """A photograph's name and MSE, and gray, predicted, true and error map side by side."""

    name: str
    mse: float
    picture: str


@torch.no_grad()
def gallery(
    scored: Scored, track: Track, row: Predictor, mse: np.ndarray, device: torch.device
) -> dict[str, list[Exhibit]]:
    """Ten photographs each of the best, the median and the worst by MSE (N,), if there are so many.

    Each is shown once: of few photographs, the middle ones are left out first.
    """
    order = np.argsort(mse, kind="stable").tolist()
    each = min(EACH, max(1, len(order) // 3))
    middle = (len(order) - each) // 2
    parts = {
        "best": order[:each],
        "median": order[middle : middle + each],
        "worst": order[::-1][:each],
    }
    if len(order) < 3:
        parts = {"best": order}
    shown: dict[str, list[Exhibit]] = {}
    for title, indices in parts.items():
        shown[title] = []
        for index in indices:
            rgb = scored.dataset.read(scored.names[index], track.size).to(device)[None]
            picture = side_by_side(row, track, rgb)
            shown[title].append(Exhibit(scored.names[index], float(mse[index]), picture))
    return shown


def side_by_side(row: Predictor, track: Track, rgb: Tensor) -> str:
    """Gray, predicted, true and error map of a uint8 (1,3,H,W), as a data URI."""
    truth = track.truth(rgb)
    ab = row.predict(truth)
    gray = track.shown(truth.L, torch.zeros_like(truth.ab))
    tiles = [gray, track.shown(truth.L, ab), rgb, error_map(ab, truth)]
    pixels = torch.cat([tile.cpu() for tile in tiles], dim=3)[0].permute(1, 2, 0).numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    height, width = rgb.shape[-2:]
    if max(height, width) > WIDEST:
        scale = WIDEST / max(height, width)
        picture = picture.resize((max(1, round(4 * width * scale)), max(1, round(height * scale))))
    return data_uri(picture)


def error_map(ab: Tensor, truth: LabBatch) -> Tensor:
    """Distance of ab (1,2,H,W) from the truth as colours, uint8 (1,3,H,W)."""
    distance = chroma(ab - truth.ab).cpu() / WORST_ERROR
    colors = colormaps["inferno"](distance.clamp(max=1).numpy(), bytes=True)[..., :3]
    return torch.from_numpy(colors).permute(0, 3, 1, 2)


def data_uri(picture: Image.Image) -> str:
    """A picture as text that a page can hold."""
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
