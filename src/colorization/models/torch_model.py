"""A checkpoint or bundle, run by PyTorch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorization.files.painting import Floats
from colorization.hints.propagate import suggest_places, unexplained_share
from colorization.models.backends import check_ab
from colorization.models.hardware import Hardware
from colorization.models.predictor import Coloring, Predictor


class TorchModel:
    """As :class:`colorization.models.backends.UnsureModel`.

    Args:
        predictor: is brought onto the device.
        about: its description, or what of it is asked for.
        model: its name in messages.
    """

    takes_hints = True

    def __init__(
        self, predictor: Predictor, about: Mapping[str, Any], hardware: Hardware, model: object
    ) -> None:
        self.predictor = predictor
        self.about = about
        self.hardware = hardware
        self.model = model
        self.batch = 1 if hardware.accelerator == "cpu" else 8
        self.predictor.to(self.hardware.device).to(memory_format=torch.channels_last)
        self.last: tuple[Floats, list[Tensor]] | None = None

    def set_temperature(self, temperature: float) -> None:
        self.predictor.set_decoding(temperature=temperature)

    @torch.inference_mode()
    def predict(self, x: Floats, saturation: float = 1) -> Floats:
        L, hints = self.move_to_device(x)
        with self.hardware.autocast():
            return check_ab(move_to_cpu(self.predictor(L, hints, saturation)), x, self.model)

    @torch.inference_mode()
    def predict_unsure(self, x: Floats, saturation: float = 1) -> tuple[Floats, Floats]:
        (ab, unsure), L, hints = self.predict_with_hints(x, saturation)
        if hints is not None:
            unsure = unsure * unexplained_share(L, ab, hints)
        return check_ab(move_to_cpu(ab), x, self.model), move_to_cpu(unsure)

    @torch.inference_mode()
    def likely(self, x: Floats, row: int, column: int, saturation: float = 1) -> Floats:
        L, _ = self.move_to_device(x)
        with self.hardware.autocast():
            return move_to_cpu(
                self.predictor.likely(self.get_views(x[:, :1]), L, row, column) * saturation
            )

    @torch.inference_mode()
    def suggest(self, x: Floats, count: int) -> list[tuple[int, int]]:
        (ab, unsure), L, hints = self.predict_with_hints(x)
        given = torch.zeros_like(L).expand(-1, 3, -1, -1) if hints is None else hints
        (places,) = suggest_places(L, ab, unsure, given, count).tolist()
        return [(row, column) for row, column in places]

    def predict_with_hints(
        self, x: Floats, saturation: float = 1
    ) -> tuple[Coloring, Tensor, Tensor | None]:
        """What is predicted, with L and hints."""
        L, hints = self.move_to_device(x)
        views = self.get_views(x[:, :1])
        with self.hardware.autocast():
            return self.predictor.read(views, L, hints, saturation), L, hints

    def get_views(self, x: Floats) -> list[Tensor]:
        """Raw output for L; that of the last photograph, asked for again and again, is kept."""
        if self.last is None or not np.array_equal(self.last[0], x):
            with self.hardware.autocast():
                self.last = x, self.predictor.raw_views(self.move_to_device(x)[0])
        return self.last[1]

    def move_to_device(self, x: Floats) -> tuple[Tensor, Tensor | None]:
        """L and hints, if there are any."""
        planes = torch.from_numpy(x).to(self.hardware.device)
        return planes[:, :1], planes[:, 1:] if planes.shape[1] > 1 else None


def move_to_cpu(values: Tensor) -> Floats:
    found: Floats = values.float().cpu().numpy()
    return found
