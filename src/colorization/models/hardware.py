"""What to train on: device, precision, memory layout and allocator."""

import ctypes
import logging
import platform
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import nn

from colorization.errors import InputError
from colorization.settings.commands import Trainer

log = logging.getLogger(__name__)

# glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


class Hardware(NamedTuple):
    """Lightning's accelerator and precision."""

    accelerator: str
    precision: str

    @property
    def device(self) -> torch.device:
        """PyTorch's name for it."""
        return torch.device("cuda" if self.accelerator == "gpu" else self.accelerator)

    def autocast(self) -> AbstractContextManager[None]:
        """Where a network predicts outside a trainer."""
        half = torch.float16 if self.precision == "16-mixed" else torch.bfloat16
        is_mixed = self.precision.endswith("-mixed")
        return torch.autocast(self.device.type, dtype=half, enabled=is_mixed)


def choose(settings: Trainer) -> Hardware:
    """:func:`resolve` for a training, and with ``keep_freed_memory`` set the CPU's allocator."""
    found = resolve(settings.accelerator, settings.precision)
    if found.accelerator == "cpu" and settings.keep_freed_memory:
        keep_freed_memory()
    return found


def resolve(accelerator: str, precision: str) -> Hardware:
    """Resolve ``auto``: a GPU (CUDA), else Apple's (mps), else the CPU; half precision where quick.

    On a CPU that is bfloat16 if it has instructions for it (AVX512-BF16, AMX), else float32. On
    Apple's GPU it is always float32.

    Raises:
        InputError: if what is asked for needs a GPU and there is none, or not this one.
    """
    found = "cpu"
    if accelerator != "cpu" and torch.cuda.is_available():
        found = "gpu"
    elif accelerator != "cpu" and torch.backends.mps.is_available():
        found = "mps"
    elif accelerator == "gpu":
        raise InputError("accelerator is gpu, but PyTorch finds none; use auto or cpu")
    if precision == "16-mixed" and found == "cpu":
        raise InputError("precision is 16-mixed, which needs a GPU; use auto or bf16-mixed")
    if found == "mps":
        if precision not in ("auto", "32-true"):
            raise InputError(
                f"precision is {precision}, but Apple's GPU computes in 32-true alone; use auto"
            )
        return Hardware(found, "32-true")
    if precision != "auto":
        return Hardware(found, precision)
    if found == "gpu":
        return Hardware(found, "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed")
    return Hardware(found, "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true")


def describe(found: Hardware, asked: str) -> str:
    """Say what is trained on, and why in this precision.

    Args:
        asked: the precision that was asked for.
    """
    name = f"this CPU ({torch.get_num_threads()} threads)"
    if found.accelerator == "gpu":
        name = f"this GPU ({torch.cuda.get_device_name()})"
    elif found.accelerator == "mps":
        name = "Apple's GPU"
    has = "has" if found.precision == "bf16-mixed" else "lacks"
    reason = f"it {has} instructions for bfloat16"
    if found.accelerator == "mps":
        reason = "it computes in nothing else"
    elif asked != "auto":
        reason = "as trainer.precision says"
    return f"{name} in {found.precision}: {reason}"


def prepare(network: nn.Module, settings: Trainer) -> None:
    """Lay out a network's weights, and compile it in place, as the settings say."""
    if settings.channels_last:
        network.to(memory_format=torch.channels_last)
    if settings.compile:
        network.compile()


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, instead of mapping and clearing it anew every step.

    Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
