"""A checkpoint or bundle, run by PyTorch."""

import torch

from src.hardware import resolve
from src.imaging.painting import Floats
from src.models.describe import read_model


class TorchModel:
    """As :class:`src.models.running.ColorModel`; arguments are those of ``open_model``."""

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

    @torch.inference_mode()
    def predict(self, L: Floats) -> Floats:
        with self.hardware.autocast():
            ab = self.predictor(torch.from_numpy(L).to(self.hardware.device))
        found: Floats = ab.float().cpu().numpy()
        return found
