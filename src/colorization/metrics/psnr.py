"""Peak signal-to-noise ratio."""

from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio


def psnr(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """Return PSNR in dB of two uint8 (B,3,H,W), peak 255, as (B,); infinite if they are equal."""
    value: Tensor = peak_signal_noise_ratio(
        rgb.float(), true_rgb.float(), data_range=255.0, reduction="none", dim=(1, 2, 3)
    )
    return value
