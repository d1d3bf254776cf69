"""Repeat a run from its folder: ``python -m src.train --from RUN``, then compare the two."""

import argparse
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from typing_extensions import TypedDict

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.models.results import Scores, Tests, read_results
from colorization.settings.commands import Train
from colorization.settings.compare import check_closed, drop_neutral, flatten, read_settings
from colorization.settings.compose import CONF
from colorization.settings.installation import DIRTY
from colorization.settings.overrides import is_named, list_settings, quote

log = logging.getLogger(__name__)

OF_ONE_RUN = ("resume", "repeats")
WHOLE = {"experiment", "sweep"}  # groups whose choices set everything
WITHIN = {"encoder": "network.encoder"}  # groups whose settings lie elsewhere
CIRCUMSTANCES = {"config": "settings", "data": "pictures", "environment": "versions"}


class Repeated(TypedDict):
    """The part of a run's results that is compared; older runs have less of it."""

    val: Scores
    test: Tests
    config: NotRequired[dict[str, Any]]
    data: NotRequired[dict[str, Any]]
    environment: NotRequired[dict[str, Any]]


def expand_from(words: Sequence[str]) -> list[str]:
    """Replace ``--from RUN`` in a command's words by all settings that the folder RUN records.

    Settings that are typed beside it count. A group that is typed beside it replaces the group.

    Raises:
        InputError: if RUN is not the folder of a run.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--from", dest="run", nargs="?", const="")
    given, typed = parser.parse_known_args(words)
    if given.run is None:
        return list(words)
    if not given.run:
        raise InputError("--from needs the folder of a run, as --from RUN")
    run = os.path.expanduser(given.run)
    names = {word.lstrip("+~").partition("=")[0] for word in typed}
    if both := names & WHOLE:
        raise InputError(f"--from RUN and {both.pop()}= both set everything; leave one out")
    places = tuple(f"{place}." for name in names for place in (name, WITHIN.get(name, name)))
    kept = [
        word
        for name, word in read_recorded(Path(run))
        if name not in names and not f"{name}.".startswith(places)
    ]
    kept.append(f"repeats={quote(run, escaped=True)}")
    settings = (i for i, word in enumerate(typed) if "=" in word and not word.startswith("-"))
    first = next(settings, len(typed))  # Hydra wants all settings in one place, as -m A=1 B=2
    return [*typed[:first], *kept, *typed[first:]]


def read_recorded(run: Path) -> Iterator[tuple[str, str]]:
    """Read choices and settings of a run: pairs of a name and the word that sets it.

    Raises:
        InputError: if ``run`` is not the folder of a run.
    """
    if not run.is_dir():
        raise InputError(f"--from needs the folder of a run; there is no folder {run}")
    try:
        settings, job = (
            read_settings(run / "config" / name) for name in ("config.yaml", "hydra.yaml")
        )
        job = job["hydra"]
        choices, is_training = job["runtime"]["choices"], job["job"]["config_name"] == "train"
        words = (word for word in job["overrides"]["task"] if word.startswith("~"))
        removed = [word[1:].partition("=")[0] for word in words]
        groups = {name: c for name, c in choices.items() if name.isidentifier()}
        values = flatten(settings)
    except Exception as error:  # damaged bytes can raise anything
        raise InputError(f"--from {run}: its config/ cannot be read: {error}") from error
    if not is_training:
        raise InputError(f"--from {run}: it is no run of src.train")
    groups = {name: choice for name, choice in groups.items() if name not in WHOLE}
    check_recorded(run, groups, removed, values)
    yield from ((name, f"{name}={choice}") for name, choice in groups.items())
    yield from ((name, f"~{name}") for name in removed)
    for name, value in values.items():
        if name not in OF_ONE_RUN and name not in groups:
            yield name, f"++{name}={literal(value)}"


def check_recorded(
    run: Path, groups: Mapping[str, Any], removed: Sequence[str], values: Mapping[str, Any]
) -> None:
    """Check that a folder records only choices of conf/ and settings of src.train.

    Other words of Hydra's can name code to run.

    Raises:
        InputError: naming the first other word.
    """
    for group, choice in groups.items():
        files = {path.stem for path in Path(CONF, group).glob("*.yaml")}
        if str(choice) not in files:
            raise InputError(f"--from {run}: {group}={choice} is no file of conf/{group}/")
    known = [pattern for pattern, _ in list_settings(Train)]
    for name in (*removed, *values):
        if not any(is_named(name, pattern) for pattern in known):
            raise InputError(f"--from {run}: {name} is no setting of src.train")
    check_closed(values)


def literal(value: Any) -> str:
    """Write a value as Hydra reads it; interpolations stay interpolations."""
    if isinstance(value, list):
        return f"[{','.join(map(literal, value))}]"
    return quote(value) if isinstance(value, str) else json.dumps(value, default=str)


def compare(found: Mapping[str, Any], run: Path) -> None:
    """Log in one line whether a run has the scores of the run that it repeats.

    Log a warning before that for other settings, pictures, versions or code.
    """
    try:
        then = read_results(run / "results.json", Repeated)
    except (OSError, InputError) as error:
        log.warning("%s has no scores to compare with: %s", run, error)
        return
    scores = {"val": then["val"], "test": then["test"]["network"]}
    for part, name in CIRCUMSTANCES.items():
        if different := describe_differences(then.get(part, {}), found[part]):
            log.warning("other %s than in %s: %s", name, run, different)
    commits = {"commit": then.get("commit", found["commit"])}
    if different := describe_differences(commits, found):
        log.warning("other code than in %s: %s", run, different)
    elif str(found["commit"]).endswith(DIRTY):
        log.warning("maybe other code than in %s: both had changes that no commit holds", run)
    if different := describe_differences(
        scores, {"val": found["val"], "test": found["test"]["network"]}
    ):
        log.warning("other scores than in %s: %s", run, different)
    else:
        log.info("all scores are those of %s", run)


def describe_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe the values that differ, of those that both have."""
    old, new = flatten(drop_neutral(then)), flatten(now)
    return ", ".join(
        f"{name} {new[name]} (there {old[name]})"
        for name in old
        if name in new and json.dumps(old[name]) != json.dumps(new[name])
    )


def save_settings(config: DictConfig, folder: Path) -> None:
    """Write a run's settings into its folder, as Hydra does before a command begins."""
    job = HydraConfig.instance().cfg
    parts = {"config": config, "hydra": job, "overrides": HydraConfig.get().overrides.task}
    for name, part in parts.items():
        write_text(OmegaConf.to_yaml(part), folder / "config" / f"{name}.yaml")
