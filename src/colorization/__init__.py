"""Learn to colour gray photographs, measure how well it works, and colour yours.

What stands in ``__all__`` is public; it is loaded as it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colorization.color import LabBatch, lab_to_rgb, rgb_to_lab
    from colorization.data.datamodule import ColorDataModule
    from colorization.errors import InputError
    from colorization.hints.file import Hint, Hints
    from colorization.inference.photo_colorizer import PhotoColorizer
    from colorization.models.backends import load_model
    from colorization.models.export import export_model
    from colorization.models.predictor import Predictor
    from colorization.training.colorizer import Colorizer

__version__ = "0.2.0"
__all__ = [
    "ColorDataModule",
    "Colorizer",
    "Hint",
    "Hints",
    "InputError",
    "LabBatch",
    "PhotoColorizer",
    "Predictor",
    "__version__",
    "export_model",
    "lab_to_rgb",
    "load_model",
    "rgb_to_lab",
]

HOMES = {
    "ColorDataModule": "data.datamodule",
    "Colorizer": "training.colorizer",
    "Hint": "hints.file",
    "Hints": "hints.file",
    "InputError": "errors",
    "LabBatch": "color",
    "PhotoColorizer": "inference.photo_colorizer",
    "Predictor": "models.predictor",
    "export_model": "models.export",
    "lab_to_rgb": "color",
    "load_model": "models.backends",
    "rgb_to_lab": "color",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: PyTorch takes seconds."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
