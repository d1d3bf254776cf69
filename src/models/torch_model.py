"""A checkpoint or bundle, run by PyTorch."""

import numpy as np
import torch
from torch import Tensor

from src.hardware import resolve
from src.hints.correction import unexplained
from src.hints.suggested import suggested
from src.imaging.painting import Floats
from src.models.describe import read_model
from src.predictor import Coloring


class TorchModel:
    """As :class:`src.models.running.ColorModel`; arguments are those of ``open_model``."""

    takes_hints = True

    def __init__(
        self,
        model: str,
        device: str,
        precision: str,
        flip_average: bool | None,
        temperature: float | None,
        threads: int | None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.hardware = resolve(device, precision)
        self.batch = 1 if self.hardware.accelerator == "cpu" else 8
        self.predictor, self.about = read_model(model)
        self.predictor.decode_otherwise(flip_average, temperature)
        self.predictor.to(self.hardware.device).to(memory_format=torch.channels_last)
        self.last: tuple[Floats, list[Tensor]] | None = None

    @torch.inference_mode()
    def predict(self, x: Floats) -> Floats:
        L, hints = self.on_device(x)
        with self.hardware.autocast():
            return on_cpu(self.predictor(L, hints))

    @torch.inference_mode()
    def predict_unsure(self, x: Floats) -> tuple[Floats, Floats]:
        """As :meth:`predict`, and how unsure that is, (B,1,h,w) in CIE units, less near hints."""
        (ab, unsure), L, hints = self.looked_at(x)
        if hints is not None:
            unsure = unsure * unexplained(L, ab, hints)
        return on_cpu(ab), on_cpu(unsure)

    @torch.inference_mode()
    def likely(self, x: Floats, row: int, column: int) -> Floats:
        """The likeliest colours (N,2) of a pixel of one photograph (1,C,h,w), CIE units."""
        return on_cpu(self.predictor.likely(self.views(x), row, column, x.shape[-1]))

    @torch.inference_mode()
    def suggest(self, x: Floats, count: int) -> list[tuple[int, int]]:
        """Rows and columns of one photograph (1,C,h,w) at which to give hints, the best first."""
        (ab, unsure), L, hints = self.looked_at(x)
        given = torch.zeros_like(L).expand(-1, 3, -1, -1) if hints is None else hints
        (places,) = suggested(L, ab, unsure, given, count).tolist()
        return [(row, column) for row, column in places]

    def looked_at(self, x: Floats) -> tuple[Coloring, Tensor, Tensor | None]:
        """What is predicted, with L and hints."""
        L, hints = self.on_device(x)
        views = self.views(x)
        with self.hardware.autocast():
            return self.predictor.read(views, L, hints), L, hints

    def views(self, x: Floats) -> list[Tensor]:
        """Raw output; that of the last photograph, which is asked for again and again, is kept."""
        if self.last is None or not np.array_equal(self.last[0], x):
            with self.hardware.autocast():
                self.last = x, self.predictor.raw_views(*self.on_device(x))
        return self.last[1]

    def on_device(self, x: Floats) -> tuple[Tensor, Tensor | None]:
        """L and hints, if there are any."""
        planes = torch.from_numpy(x).to(self.hardware.device)
        return planes[:, :1], planes[:, 1:] if planes.shape[1] > 1 else None


def on_cpu(values: Tensor) -> Floats:
    found: Floats = values.float().cpu().numpy()
    return found
