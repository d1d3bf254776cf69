"""A workbench for colouring gray photographs: train, evaluate, colour, export."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorization.inference.photo_colorizer import PhotoColorizer

__all__ = ["PhotoColorizer"]


def __getattr__(name: str) -> Any:
    """What importing a part of the project need not load."""
    if name == "PhotoColorizer":
        from colorization.inference.photo_colorizer import PhotoColorizer

        return PhotoColorizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
