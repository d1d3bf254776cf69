"""Doors to the package ``colorization`` beside them, such as ``python -m src.train``."""

import sys
from pathlib import Path

# A clone runs its own code, whichever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent))
