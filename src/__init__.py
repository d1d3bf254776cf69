"""Doors to the package ``colorization``, which lies beside them: ``python -m src.train`` and others."""

import sys
from pathlib import Path

# A clone runs its own code, whichever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent))
