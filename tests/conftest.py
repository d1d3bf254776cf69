"""Pieces that several tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from PIL import Image

from colorization.settings.commands import Evaluate, Train
from colorization.settings.compose import CONF, parse_config, register
from colorization.training.run import train

# Seconds on a CPU: 16 px, a few scenes, one epoch.
SMALL = [
    "dataset.size=16",
    "dataset.train=4",
    "dataset.val=2",
    "dataset.test=2",
    "data.batch_size=2",
    "trainer.max_epochs=1",
    "trainer=cpu",
]
OFFLINE = (
    "metrics=[mse,rmse,rgb_signed,rgb_absolute,psnr,ssim,ciede2000,colorfulness,"
    "colorfulness_shift,colorfulness_error,auc,auc_rebalanced]"
)
COUNTS = ("dataset.train", "dataset.val", "dataset.test")  # which these have not


@pytest.fixture(scope="session")
def settings() -> Callable[..., Train]:
    """Compose a small run's settings with overrides of its own."""
    register()

    def composed(*overrides: str) -> Train:
        is_given = {"dataset=mixed", "experiment=default_model", "experiment=everyday"} & set(
            overrides
        )
        small = [word for word in SMALL if not (is_given and word.startswith(COUNTS))]
        with initialize_config_dir(CONF, version_base="1.3"):
            result: Train = parse_config(compose("train", [*small, *overrides]))
        return result

    return composed


@pytest.fixture(scope="session")
def asked() -> Callable[..., Evaluate]:
    """Compose the settings of an evaluation that fetches nothing."""
    register()

    def composed(checkpoint: Path | list[Path], *overrides: str) -> Evaluate:
        paths = checkpoint if isinstance(checkpoint, list) else [checkpoint]
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose("evaluate", [OFFLINE, "accelerator=cpu", *overrides])
        config.checkpoint = [str(path) for path in paths]
        settings: Evaluate = parse_config(config)
        return settings

    return composed


@pytest.fixture(scope="session")
def checkpoint(settings: Callable[..., Train], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best checkpoint of a small run."""
    folder = tmp_path_factory.mktemp("runs") / "small" / "run"
    train(settings(), folder)
    return folder / "checkpoints" / "best.ckpt"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of twenty small colour photographs, some a level deeper."""
    folder = tmp_path / "photographs"
    (folder / "deeper").mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(20):
        pixels = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        below = "deeper" if index % 2 else "."
        Image.fromarray(pixels).save(folder / below / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def untrained_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights of FID's network, as its download has them, but random."""
    from torch_fidelity import feature_extractor_inceptionv3

    with pytest.MonkeyPatch.context() as patch:
        extractor = feature_extractor_inceptionv3.FeatureExtractorInceptionV3
        patch.setattr(extractor, "load_state_dict", lambda self, state: None)
        patch.setattr(feature_extractor_inceptionv3, "load_state_dict_from_url", lambda *_, **__: 0)
        network = extractor("inception-v3-compat", ["2048"])
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path
