"""How Lightning's checkpoints are written."""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from src.files import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, whole or not at all: a full disk or a kill leaves the one before."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        whole = BytesIO()  # torch.save hides what is wrong with a disk it writes to
        torch.save(checkpoint, whole)
        with replacing(Path(path)) as beside:
            beside.write_bytes(whole.getbuffer())
