"""Guide the colours of photographs by a coloured one that is like them."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorization.color import from_uint8, is_near_gray, rgb_to_lab
from colorization.errors import InputError
from colorization.files.painting import Floats
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_rgb
from colorization.hints.reference import (
    Described,
    Memory,
    describe,
    read_colors,
    remember,
    soft_hints,
)
from colorization.models.backends import ColorModel
from colorization.models.torch_model import TorchModel
from colorization.networks.pretrained import PretrainedEncoder

MOST_PIXELS = 500_000_000
SIDE = 256  # px that the reference's shorter side needs


class Reference:
    """A coloured photograph whose colours are hints for others.

    Raises:
        InputError: if it cannot be read, has no colours, or the model is an ONNX file.
    """

    def __init__(self, path: Path, model: ColorModel) -> None:
        if not isinstance(model, TorchModel):
            raise InputError("an ONNX file takes no reference; set model to a checkpoint or bundle")
        self.model = model
        ab, described = self.look(path)
        self.memory: Memory = remember(described, ab)

    def look(self, path: Path) -> tuple[Tensor, Described]:
        """Read the photograph: its ab (2,H,W), and its description."""
        try:
            rgb = np.array(read_rgb(path, MOST_PIXELS, SIDE))
        except (UnreadableError, OSError) as error:
            raise InputError(f"the reference {path} cannot be read: {error}") from error
        pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None].to(self.model.hardware.device)
        L, ab = rgb_to_lab(from_uint8(pixels))
        if is_near_gray(ab).any():
            raise InputError(f"the reference {path} has no colours; give a coloured photograph")
        return ab[0], describe_for(self.model, L[0])

    @torch.inference_mode()
    def add_hints(self, x: Floats) -> Floats:
        """Add soft hints to what the model is given, (1,1,h,w) or with hints (1,4,h,w).

        Hints that the user has given stay as they are.
        """
        planes = torch.from_numpy(x).to(self.model.hardware.device)
        L, given = planes[:, :1], planes[0, 1:]
        reading = read_colors(self.memory, describe_for(self.model, L[0]))
        hints = soft_hints(reading, (x.shape[2], x.shape[3]))
        if len(given):
            hints = hints.where(given[2:] == 0, given)
        found: Floats = torch.cat([L[0], hints])[None].cpu().numpy()
        return found


@torch.inference_mode()
def describe_for(model: Any, L: Tensor) -> Described:
    """Describe L (1,H,W) by features of a model's encoder, or by patches if it has none."""
    with model.hardware.autocast() if isinstance(model, TorchModel) else nullcontext():
        return describe(L, encoder_of(model))


def encoder_of(model: Any) -> PretrainedEncoder | None:
    """Return the classifier in a model; None if there is none, or it is an ONNX file."""
    return model.predictor.network.classifier if isinstance(model, TorchModel) else None
