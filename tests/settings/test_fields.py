"""Every number among the settings has limits, and whatever is typed ends in a line or a use."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings, strategies
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from colorization import settings as schemas
from colorization.color import rgb_to_lab, scale_lightness
from colorization.errors import InputError
from colorization.settings import commands
from colorization.settings.commands import GridOrSearch
from colorization.settings.compose import CONF, build, parse_config, register, to_dict
from colorization.settings.failures import one_line
from colorization.settings.fields import folder_name
from colorization.settings.overrides import quote_overrides
from colorization.training.colorizer import Colorizer
from tests.support.command_line import python

SMALL = ["network=unet", "network.width=8", "dataset.size=16"]
TRAININGS = (
    [*SMALL, "dataset=mixed", "objective=bins", "amplifier=residual"],
    [*SMALL, "dataset=folder", "dataset.root=x", "objective=huber", "optimizer=rmsprop"],
    [*SMALL, "encoder=resnet18", "perceptual=features", "adversary=patch", "optimizer=sgd"],
    [*SMALL, "scheduler=cosine", "augmentation=paper"],
)
COMMANDS: dict[str, tuple[list[str], ...]] = {
    "train": TRAININGS,
    "evaluate": (["checkpoint=x"],),
    "leaderboard": ([],),
}
ODD = ["nan", "inf", "-inf", "1e22", "-1e22", "1" + 400 * "0", "1e400", "1e-320", "-1e-320", "0"]
ODD += ["-0.0", "-1", "1", "1.5", "true", "null", "abc", "''", "[]", "[1]", "{a:1}"]


def is_number(kind: Any) -> bool:
    """Whether a type is that of a number, or of several, or may be."""
    return kind in (int, float) or any(map(is_number, get_args(kind)))


def all_schemas() -> Iterator[type]:
    for module in pkgutil.iter_modules(schemas.__path__, f"{schemas.__name__}."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and is_dataclass(thing):
                yield thing


def numbers(value: Any, name: str = "") -> Iterator[str]:
    """Names of the numeric settings of a command."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, f"{name}{key}.")
    elif is_dataclass(value):
        types = get_type_hints(type(value))
        for field in fields(value):
            if is_number(types[field.name]) or field.name == "hints":
                yield name + field.name
            else:
                yield from numbers(getattr(value, field.name), f"{name}{field.name}.")


@cache
def composed(command: str, variant: int) -> tuple[DictConfig, tuple[str, ...]]:
    """A command's config, and the names of its numeric settings."""
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose(command, COMMANDS[command][variant])
    return config, tuple(numbers(parse_config(config)))


PLACES = [(command, n) for command, words in COMMANDS.items() for n in range(len(words))]


def test_every_number_of_every_schema_has_two_finite_limits() -> None:
    found = list(all_schemas())
    assert GridOrSearch in found
    for schema in found:
        types = get_type_hints(schema)
        for field in fields(schema):
            if is_number(types[field.name]):
                limits = field.metadata.get("within", (math.nan, math.nan))
                where = f"{schema.__name__}.{field.name} needs within(LEAST, MOST)"
                assert -math.inf < limits[0] < limits[1] < math.inf, where


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(finite, value))
    return not isinstance(value, int | float) or abs(value) <= 1e38


@pytest.mark.parametrize(("command", "variant"), PLACES)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=strategies.data())
def test_whatever_is_typed_is_refused_by_name_or_is_usable(
    command: str, variant: int, data: strategies.DataObject
) -> None:
    config, names = composed(command, variant)
    name = data.draw(strategies.sampled_from(names))
    numbers = strategies.floats().map(repr) | strategies.integers().map(str)
    word = data.draw(strategies.sampled_from(ODD) | numbers)
    before = deepcopy(OmegaConf.select(config, name))
    try:
        value = OverridesParser.create().parse_override(f"{name}={word}").value()
        OmegaConf.update(config, name, value, merge=True)
        assert finite(to_dict(parse_config(config)))
    except (InputError, OmegaConfBaseException, OverflowError) as error:
        line = one_line(error)
        assert name in line
        assert "\n" not in line
    finally:
        OmegaConf.update(config, name, before, merge=True)


def limits_of(config: Any, name: str) -> tuple[float, float]:
    """The limits of a setting, by its name."""
    *path, last = name.split(".")
    for part in path:
        config = getattr(config, part)
    (found,) = (field for field in fields(config) if field.name == last)
    low, high = found.metadata["within"]
    return low, high


STEPS = (
    [*SMALL, "objective=bins", "amplifier=residual", "adversary=patch"],
    [*SMALL, "objective=huber", "optimizer=rmsprop", "scheduler=cosine", "augmentation=paper"],
    [*SMALL, "optimizer=sgd", "optimizer.nesterov=false", "scheduler=none"],
)
LEARNED = ("objective", "amplifier", "adversary", "optimizer", "scheduler", "augment")


@pytest.mark.parametrize("words", STEPS, ids=lambda words: words[3])
@given(data=strategies.data())
@settings(max_examples=20, derandomize=True, deadline=None)
def test_a_step_with_any_allowed_number_has_a_loss_or_ends_as_diverged(
    words: list[str], data: strategies.DataObject
) -> None:
    config = typed(tuple(words))
    names = [name for name in numbers(config) if name.startswith(LEARNED)]
    names = [name for name in names if name != "objective.grid"]  # seconds each
    name = data.draw(strategies.sampled_from([*names, "network.dropout"]))
    low, high = limits_of(config, name)
    between = strategies.floats(low, high)
    value = data.draw(strategies.sampled_from([low, math.nextafter(low, high), high]) | between)
    parts = deepcopy(to_dict(config))
    group, _, last = name.partition(".")
    before = parts[group][last]
    parts[group][last] = (value, value) if isinstance(before, tuple | list) else type(before)(value)
    if (name, value) == ("amplifier.weight", 0):  # nothing is left that trains it
        with pytest.raises(InputError, match=r"set amplifier\.weight above 0"):
            two_steps(parts)
        return
    first, second, ab = two_steps(parts)
    assert first.isfinite()
    if second.isfinite():  # else FiniteLoss ends the training in a line
        assert ab.isfinite().all()


@cache
def typed(words: tuple[str, ...]) -> Any:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return parse_config(compose("train", list(words)))


def two_steps(parts: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Losses of two steps on two small photographs, and what is predicted after the first."""
    torch.manual_seed(0)
    given = inspect.signature(Colorizer).parameters.keys() & parts.keys()
    colorizer = Colorizer(**{part: parts[part] for part in given})
    batch = rgb_to_lab(build(parts["augmentation"])(torch.rand(2, 3, 16, 16)))
    colorizer.start([batch])
    optimizer = build(parts["optimizer"], list(colorizer.parameters()))
    schedule = build(parts["scheduler"], optimizer, 10)
    found = []
    for _ in range(2):
        raw = colorizer.network(scale_lightness(batch.L))
        loss = torch.stack(list(colorizer.losses(raw, batch, 1.0).values())).sum()
        ab = colorizer.ab([raw.detach()], batch.L)
        found.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        if len(found) == 1:
            optimizer.step()
            schedule.step()
    return found[0], found[1], ab.detach()


@pytest.mark.parametrize(
    "name", ["../../x", "/root", "a/b", "..", ".x", " x", "", "a\\b", "x" * 101]
)
def test_a_datasets_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(InputError, match="it names a folder: up to 100 bytes, without any of"):
        folder_name(name)


def test_runs_of_datasets_with_odd_names_lie_in_outputs() -> None:
    assert all(folder_name(name) == name for name in ("faces", "my photos (2024)", "größe", "日本"))
    register()
    for name in ("../../x", "${oc.env:HOME}"):
        for words in (
            [f"dataset.name={name}"],
            quote_overrides([f"dataset.name={name}"], commands.Train),
        ):
            with initialize_config_dir(CONF, version_base="1.3"):
                config = compose("train", words, return_hydra_config=True)
            with pytest.raises(OmegaConfBaseException, match=r"dataset\.name is .*; it names a f"):
                OmegaConf.select(config, "hydra.run.dir")


@pytest.mark.parametrize(
    ("command", "words", "line"),
    [
        ("train", "data_dir=''", "data_dir is empty; give it a value"),
        ("train", "data.batch_size=10000000000", "data.batch_size is 10000000000; it must be at m"),
        ("evaluate", "batch_size=10000000000 checkpoint=x", "batch_size is 10000000000; it must"),
        ("train", "trainer.max_epochs=10000000000000000000000", "trainer.max_epochs is 1000000000"),
    ],
)
def test_what_was_taken_without_a_word_is_refused(command: str, words: str, line: str) -> None:
    register()
    with (
        initialize_config_dir(CONF, version_base="1.3"),
        pytest.raises(InputError, match=f"^{line}"),
    ):
        parse_config(compose(command, words.split()))


def test_a_number_of_hundreds_of_digits_is_one_line(tmp_path: Path) -> None:
    words = ["checkpoint=x", f"temperature=1{400 * '0'}"]
    done = python("src.evaluate", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: temperature: int too large to convert to float\n"
