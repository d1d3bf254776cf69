"""The installed project: where the files lie that are no code, and which commit the code is of."""

import subprocess
import sys
from pathlib import Path

DIRTY = "-dirty"
PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent.parent


def find_resource(inside: str, in_clone: str) -> Path:
    """Find a folder: in the package where that was installed, else in the root of a clone."""
    installed = PACKAGE / inside
    return installed if installed.exists() else ROOT / in_clone


CONF = find_resource("conf", "conf")
MODELS = find_resource("shipped", "models")
EXAMPLES = find_resource("examples", "docs/examples")


def name_module(command: str) -> str:
    """Name the module of a command for ``python -m``: a clone's door, if this process is one."""
    spec = sys.modules["__main__"].__spec__
    is_door = spec is not None and spec.name.startswith("src.")
    return f"src.{command}" if is_door else f"colorization.cli.{command}"


def read_commit() -> str | None:
    """Ask git for the commit of this code, with ``-dirty`` if files were changed since.

    Returns None without git, or where this code is in no repository.
    """
    here = Path(__file__).resolve()
    git = ["git", "--no-optional-locks", "-C", str(here.parent)]
    describe = [*git, "describe", "--always", "--abbrev=40", "--exclude=*", f"--dirty={DIRTY}"]
    try:
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", here.name],
            check=True,
            capture_output=True,
            text=True,
        )
        return subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
