"""Every option composes and builds; every wrong setting fails with its name."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from colorization.errors import InputError
from colorization.settings.commands import Train
from colorization.settings.compose import CONF, build, count_epochs, parse_config, register, to_dict
from colorization.settings.failures import one_line
from colorization.settings.parts import TARGETS
from colorization.training.colorizer import Colorizer

TERMS = ("amplifier", "perceptual", "adversary")
PARTS = ("network", "objective", "optimizer", "scheduler", *TERMS)
GROUPS = ("dataset", "augmentation", "encoder", *PARTS)
OPTIONS = [
    (group, str(path.relative_to(Path(CONF, group)).with_suffix("")))
    for group in (*GROUPS, "trainer", "experiment")
    for path in Path(CONF, group).rglob("*.yaml")
]
MORE = {
    "dataset=folder": ["dataset.root=x"],
    "encoder=timm": ["network.encoder.name=resnet18"],
}


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda value: value)
def test_every_option_composes_and_builds(
    settings: Callable[..., Train], group: str, option: str
) -> None:
    choice = f"{group}={option}"
    more = ["network=unet"] if group == "encoder" else []
    config = to_dict(settings(choice, *more, *MORE.get(choice, [])))
    Colorizer(**{part: config[part] for part in PARTS})
    build(config["dataset"])
    build(config["augmentation"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.lr=abc", "optimizer.lr=abc: Value .*could not be converted to Float"),
        ("optimizer.lr=0", "optimizer.lr is 0.0; it must be at least 1e-30"),
        ("optimizer.learning_rate=1", "Could not override 'optimizer.learning_rate'"),
        ("network.activation=[1]", "network.activation"),
        ("dataset=cats", "Could not find 'dataset/cats'"),
        (
            "experiment=small_4_mirrored",
            "^experiment=small_4_mirrored is now called ladder/mirrored$",
        ),
        ("experiment=small_99", "Could not find 'experiment/small_99'"),
        ("dataset.size=-1", "dataset.size is -1; it must be at least 8"),
        ("dataset.train=0", "dataset.train is 0; it must be at least 1"),
        ("dataset=folder", "dataset.root must be set"),
        ("data.batch_size=0", "data.batch_size is 0; it must be at least 1"),
        ("data.max_memory=2", "data.max_memory is 2.0; it must be at most 1"),
        ("data.max_memory=nan", "data.max_memory is nan; it must be at least 0"),
        ("seed=-1", "seed is -1; it must be at least 0"),
        ("trainer.accelerator=tpu", "trainer.accelerator is 'tpu'; it must be one of: auto"),
        ("trainer.precision=8", "trainer.precision is '8'; it must be one of: auto"),
        (
            "optimizer=rmsprop optimizer.alpha=2",
            "optimizer.alpha is 2.0; it must be at most 0.9",
        ),
        ("optimizer.betas=[1,0]", "optimizer.betas is 1.0; it must be at most 0.999999"),
        ("optimizer.betas=[0.9]", "optimizer.betas is .*; it must be two, 0 to below 1"),
        ("optimizer.lr=nan", "optimizer.lr is nan; it must be at least 1e-30"),
        ("optimizer.lr=inf", "optimizer.lr is inf; it must be at most 1e\\+38"),
        ("optimizer.weight_decay=nan", "optimizer.weight_decay is nan; it must be at least 0"),
        ("augmentation.rotation=nan", "augmentation.rotation is nan; it must be at least 0"),
        ("dataset.train=100000000", "dataset.train is 100000000; it must be at most 100000"),
        ("dataset.size=100000", "dataset.size is 100000; it must be at most 4096"),
        ("data.batch_size=1000000", "data.batch_size is 1000000; it must be at most 100000"),
        ("seed=5000000000", "seed is 5000000000; it must be at most 4294967295"),
        ("network._target_=colorization.objectives.MeanSquaredError", "which is no network"),
        ("trainer.patience=0", "trainer.patience is 0; it must be at least 1"),
        ("trainer.checkpoint_every=0", "trainer.checkpoint_every is 0; it must be at least 1"),
        ("trainer.max_minutes=0", "trainer.max_minutes is 0.0; it must be at least 0.0001"),
        ("augmentation.rotation=200", "augmentation.rotation is 200.0; it must be at most 180"),
        ("trainer.ema=1", "trainer.ema is 1.0; it must be at most 0.999999"),
        (
            "objective=bins objective.temperature=0",
            "objective.temperature is 0.0; it must be at least 0.001",
        ),
        (
            "objective=bins objective.temperature=-1",
            "objective.temperature is -1.0; it must be at least 0.001",
        ),
        ("objective=bins objective.grid=1", "objective.grid is 1; it must be at least 5"),
        ("objective=bins objective.uniform=2", "objective.uniform is 2.0; it must be at most 1"),
        ("objective=huber objective.delta=0", "objective.delta is 0.0; it must be at least 1e-06"),
        ("encoder=resnet18", "Key 'encoder' not in 'PaperNetwork'"),
        ("network=unet network.width=1000", "network.width is 1000; it must be at most 512"),
        ("network=unet encoder=timm", "network.encoder.name must be set"),
        (
            "network=unet encoder=resnet18 network.encoder.tuned=2",
            "network.encoder.tuned is 2.0; it",
        ),
        (
            "network=unet encoder=resnet18 network.encoder.enlarge=3",
            "enlarge is 3; it must be 1, 2",
        ),
        ("amplifier=residual amplifier.width=0", "amplifier.width is 0; it must be at least 1"),
        ("amplifier=residual amplifier.weight=-1", "amplifier.weight is -1.0; it must be at least"),
        (
            "perceptual=features perceptual.weight=0",
            "perceptual.weight is 0.0; it must be at least 1e",
        ),
        (
            "adversary=patch adversary.begin=2",
            "adversary.begin is 2.0; it must be at most 0.9",
        ),
        (
            "adversary=patch adversary.weight=nan",
            "adversary.weight is nan; it must be at least 1e",
        ),
        ("adversary=patch adversary.width=0", "adversary.width is 0; it must be at least 1"),
        ("vivid=much", "vivid"),
        ("augmentation.border=wrap", "augmentation.border is 'wrap'; it must be one of: border"),
    ],
)
def test_a_wrong_setting_fails_with_its_name(
    settings: Callable[..., Train], override: str, message: str
) -> None:
    errors = (InputError, HydraException, OmegaConfBaseException)
    with pytest.raises(errors) as caught:
        settings(*override.split())
    assert re.search(message, one_line(caught.value))
    assert "\n" not in one_line(caught.value)


def test_epochs_follow_from_the_photographs_to_be_seen() -> None:
    register()
    assert [count_epochs(8000, count) for count in (100, 400, 1090)] == [80, 20, 8]
    words = ["experiment=ladder/paper", "dataset=folder", "dataset.root=x"]
    with (
        initialize_config_dir(CONF, version_base="1.3"),
        pytest.raises(OmegaConfBaseException) as caught,
    ):
        parse_config(compose("train", words))
    assert one_line(caught.value).startswith(
        "this experiment sees 8000 photographs; set dataset.tr"
    )
    with pytest.raises(InputError, match=r"sees 8000 photographs; set dataset\.train, or"):
        count_epochs(8000, None)


@pytest.mark.parametrize("target", ["os.system", "colorization.data.download.fetch", None])
def test_only_what_a_schema_names_is_built(target: str | None) -> None:
    with pytest.raises(InputError, match="is not something this project builds"):
        build({"_target_": target, "command": "true"})
    assert target not in TARGETS


def test_plain_settings_hold_primitives_only(settings: Callable[..., Train]) -> None:
    def primitive(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and primitive(v) for key, v in value.items())
        if isinstance(value, (tuple, list)):
            return all(map(primitive, value))
        return value is None or type(value) in (bool, int, float, str)

    assert primitive(to_dict(settings("optimizer=adamw")))
