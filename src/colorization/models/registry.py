"""Where a model is: by the name of one that is shipped, or a path."""

from pathlib import Path

from colorization.errors import InputError
from colorization.settings.installation import MODELS as SHIPPED

DEFAULT = "default"
DESCRIPTION = "model.json"


def is_bundle(path: Path) -> bool:
    return (path / DESCRIPTION).is_file()


def shipped() -> list[str]:
    """Names of the models that come with the project."""
    return sorted(folder.name for folder in SHIPPED.iterdir() if is_bundle(folder))


def locate(model: str) -> Path:
    """The checkpoint, bundle or ONNX file that is meant.

    Raises:
        InputError: if there is none.
    """
    path = Path(model)
    if path.is_file() or is_bundle(path):
        return path
    names = shipped()
    if model in names:
        return SHIPPED / model
    raise InputError(
        f"no model {model}: it is no checkpoint, bundle or ONNX file, and none of those that are "
        f"shipped: {', '.join(names)}"
    )
