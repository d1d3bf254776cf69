"""Go on with an interrupted run: what must be the same, and what to type."""

import shlex
from pathlib import Path

from src.colorizer import Colorizer, read_checkpoint
from src.data.datamodule import ColorDataModule
from src.errors import InputError
from src.results import flat

# Settings that may differ when a run goes on elsewhere.
PLACES = ("dataset.root", "dataset.max_pixels")


def check_resumable(path: str, colorizer: Colorizer, data: ColorDataModule) -> None:
    """Make sure that a checkpoint continues the run that is configured.

    Raises:
        InputError: naming a setting that differs.
    """
    checkpoint = read_checkpoint(path)
    then = checkpoint["hyper_parameters"] | checkpoint["datamodule_hyper_parameters"]
    now = dict(colorizer.hparams) | dict(data.hparams)
    old, new = flat(then), flat(now)
    for name in sorted(old.keys() | new.keys()):
        if name not in PLACES and old.get(name) != new.get(name):
            raise InputError(
                f"{path} was trained with {name}={old.get(name)}, this run has {new.get(name)}; "
                "resume with the settings it was started with"
            )


def resume_command(folder: Path, overrides: list[str]) -> str:
    """What continues an interrupted run in its own folder."""
    kept = [word for word in overrides if not word.startswith(("resume=", "hydra.run.dir="))]
    last = folder / "checkpoints" / "last.ckpt"
    words = ["python", "-m", "src.train", *kept, f"resume={last}", f"hydra.run.dir={folder}"]
    return shlex.join(words)
