"""A process that has no more packages than the light installation."""

import importlib.util
import sys
from typing import Any

HEAVY = (
    *("torch", "scipy", "skimage", "hydra", "omegaconf", "kornia"),
    *("av", "cv2", "scenedetect"),
)
WITHOUT = """
from tests.support.light import block
block()
from colorization.cli.main import main
main()
"""
"""The command ``colorization``, for ``python -c``."""


def block(*more: str) -> None:
    """In a new process: let nothing heavy be imported, nor more packages that are named."""
    names = {*HEAVY, *more}
    real = importlib.util.find_spec
    assert not names & sys.modules.keys()

    class Blocked:
        def find_spec(self, name: str, *_: Any) -> None:
            if name.split(".")[0] in names:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def find_spec(name: str, *package: Any) -> Any:
        return None if name.split(".")[0] in names else real(name, *package)

    sys.meta_path.insert(0, Blocked())  # type: ignore[arg-type]
    importlib.util.find_spec = find_spec
