"""Where the files lie that come with the project and are no code."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent.parent


def find_resource(inside: str, in_clone: str) -> Path:
    """Find a folder: in the package where that was installed, else in the root of a clone."""
    installed = PACKAGE / inside
    return installed if installed.exists() else ROOT / in_clone


CONF = find_resource("conf", "conf")
MODELS = find_resource("shipped", "models")
EXAMPLES = find_resource("examples", "docs/examples")
