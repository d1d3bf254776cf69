"""A small evaluation that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorization.data.synthetic import SyntheticScenes
from colorization.evaluation.run import evaluate
from colorization.settings.commands import Evaluate
from colorization.training.callbacks import save_picture


@pytest.fixture(scope="session")
def evaluated(
    checkpoint: Path,
    asked: Callable[..., Evaluate],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    """The small run's checkpoint on rendered scenes of another size: both tracks differ."""
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "scenes").mkdir()

    scenes = SyntheticScenes("wide", 24, 1, 1, 7, 5)
    for name in scenes.names("test"):
        save_picture(scenes.read(name, None)[:, :20], folder / "scenes" / f"{name}.png")
    datasets = f"datasets=[synthetic,{folder}/scenes]"
    return folder, evaluate(asked(checkpoint, datasets), folder)
