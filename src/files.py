"""Write whole files or none: beside, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from torch import Tensor


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; it takes ``path``'s place if no error is raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def save_picture(rgb: Tensor, path: Path) -> None:
    """Save uint8 sRGB (3,H,W) as PNG."""
    with replacing(path) as beside:
        Image.fromarray(rgb.permute(1, 2, 0).contiguous().numpy()).save(beside, format="PNG")
