"""A small evaluation that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from src.callbacks import save_picture
from src.config import CONF, checked, register
from src.data.synthetic import SyntheticScenes
from src.evaluate import evaluate
from src.schemas.commands import Evaluate

OFFLINE = (
    "metrics=[mse,rmse,rgb_signed,rgb_absolute,psnr,ssim,ciede2000,colorfulness,"
    "colorfulness_shift,colorfulness_error,auc,auc_rebalanced]"
)


@pytest.fixture(scope="session")
def asked() -> Callable[..., Evaluate]:
    """Compose the settings of an evaluation that fetches nothing."""
    register()

    def composed(checkpoint: Path | list[Path], *overrides: str) -> Evaluate:
        paths = checkpoint if isinstance(checkpoint, list) else [checkpoint]
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("evaluate", [OFFLINE, "accelerator=cpu", *overrides])
        config.checkpoint = [str(path) for path in paths]
        settings: Evaluate = checked(config)
        return settings

    return composed


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
