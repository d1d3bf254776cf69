"""A small evaluation, and folders of pictures, that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorization.data.synthetic import SyntheticScenes
from colorization.evaluation.run import evaluate
from colorization.evaluation.run_folders import FolderSettings, score_folders
from colorization.settings.commands import Evaluate
from colorization.training.by_epoch import save_picture
from tests.evaluation.painted import COUNT, paint, save, tint


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


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """True photographs of two kinds, and two methods' pictures of them."""
    for index in range(COUNT):
        name = f"{'sea' if index % 2 else 'town'}/{index}.png"
        pixels = paint(index)
        save(tmp_path / "truth", name, pixels)
        save(tmp_path / "good", name, tint(pixels, 0.8))
        save(tmp_path / "dull", name, tint(pixels, 0.3))
    return tmp_path


@pytest.fixture
def score(folders: Path) -> Callable[..., tuple[dict[str, Any], Path]]:
    def scored(*names: str, **changed: Any) -> tuple[dict[str, Any], Path]:
        given: dict[str, Any] = {
            "predictions": [f"{name}={folders / name}" for name in names or ("good", "dull")],
            "truth": folders / "truth",
            "protocol": "as_is",
            "output": folders / "report",
            "training": None,
            "trained_on": None,
            "models": [],
            "signature": None,
            "beside": [],
        }
        return score_folders(FolderSettings(**given | changed))

    return scored
