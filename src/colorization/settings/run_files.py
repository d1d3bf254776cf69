"""Names of what lies in the folder of a run."""

from pathlib import Path

CHECKPOINTS = "checkpoints"
BEST = Path(CHECKPOINTS, "best.ckpt")
BASELINES_FILE = "baselines.pt"
