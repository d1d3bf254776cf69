"""Find a model by name or path."""

from pathlib import Path

from colorization.errors import InputError
from colorization.settings.installation import MODELS as SHIPPED
from colorization.settings.run_files import BEST

DEFAULT = "default"
DESCRIPTION = "model.json"
CHECKSUMS = "SHA256SUMS"  # as sha256sum writes them
WEIGHTS = "weights.safetensors"
GRAPH = "model.onnx"  # of a bundle that is run without PyTorch too; its weights are those above


def is_bundle(path: Path) -> bool:
    return (path / DESCRIPTION).is_file()


def list_shipped() -> list[str]:
    """List the names of the models that come with the project."""
    return sorted(folder.name for folder in SHIPPED.iterdir() if is_bundle(folder))


def find_model(model: str) -> Path:
    """Return the path of a checkpoint, bundle or ONNX file, by path or shipped name.

    Raises:
        InputError: if there is none; it names those that are shipped.
    """
    path = Path(model)
    if path.is_file() or is_bundle(path):
        return path
    if (path / BEST).is_file():
        raise InputError(f"{model} is the folder of a run; give its checkpoint, {path / BEST}")
    names = list_shipped()
    if model in names:
        return SHIPPED / model
    raise InputError(
        f"no model {model}: give the path of a checkpoint, bundle or ONNX file, or the name of "
        f"one that is shipped: {', '.join(names)}"
    )
