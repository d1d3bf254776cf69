"""What to train on: device, precision, memory layout and allocator."""

import ctypes
import logging
import platform
from typing import NamedTuple

import torch
from torch import nn

from src.config import Trainer
from src.errors import InputError

log = logging.getLogger(__name__)

# glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


class Hardware(NamedTuple):
    """Lightning's accelerator and precision."""

    accelerator: str
    precision: str


def choose(settings: Trainer) -> Hardware:
    """Resolve ``auto``: the GPU where there is one, and half precision where it is quick.

    On a CPU that is bfloat16 if it has instructions for it (AVX512-BF16, AMX), else float32. With
    ``keep_freed_memory`` the CPU's allocator is set too.

    Raises:
        InputError: if what is asked for needs a GPU and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if settings.accelerator == "gpu" and not has_gpu:
        raise InputError("trainer.accelerator is gpu, but PyTorch finds none; use auto or cpu")
    accelerator = "gpu" if has_gpu and settings.accelerator != "cpu" else "cpu"
    if settings.precision == "16-mixed" and accelerator == "cpu":
        raise InputError("trainer.precision is 16-mixed, which needs a GPU; use auto or bf16-mixed")
    if settings.precision != "auto":
        precision = settings.precision
    elif accelerator == "gpu":
        precision = "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    else:
        precision = "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"
    if accelerator == "cpu" and settings.keep_freed_memory:
        keep_freed_memory()
    return Hardware(accelerator, precision)


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
