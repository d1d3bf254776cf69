"""An Optuna study in SQLite, which several processes may share."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import Trial

from colorization.data.batches import derive_seed
from colorization.errors import InputError
from colorization.files.atomic import held

optuna.logging.set_verbosity(optuna.logging.WARNING)

Space = Mapping[str, BaseDistribution]
"""By setting, what is searched."""

BUSY = 60  # s to wait for another process that writes
STARTUP = 5  # runs that end before any is given up
NAME = "search"
SPACE = "space"
UNSET = "not set"


def open_study(path: Path, warmup: int) -> Study:
    """Open a study of validation errors, or begin it.

    Args:
        warmup: epochs that no run is given up before.

    Raises:
        InputError: if the file is not a study.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with keep_others_waiting(path):  # two at once would both make its tables
            opened = partial(sqlite3.connect, path, timeout=BUSY, check_same_thread=False)
            # The address is not used: some characters of a path mean something in one.
            storage = RDBStorage("sqlite:///study.db", engine_kwargs={"creator": opened})
            study = optuna.create_study(
                storage=storage, study_name=NAME, load_if_exists=True, direction="minimize"
            )
            study.get_trials(deepcopy=False), study.user_attrs  # what else is in it
    except Exception as error:  # of SQLAlchemy and Alembic, of many kinds
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be used as the study of a search: {reason}") from error
    study.pruner = optuna.pruners.MedianPruner(STARTUP, n_warmup_steps=warmup)
    return study


@contextmanager
def keep_others_waiting(path: Path) -> Iterator[None]:
    """Keep the other processes of a study waiting for now.

    Raises:
        InputError: if another keeps this one waiting for ``BUSY`` seconds.
    """
    with held(path.parent, seconds=BUSY) as is_ours:
        if not is_ours:
            raise InputError(f"another process has held {path.parent} for {BUSY} s")
        yield


def ask(study: Study, space: Space, seed: int) -> int:
    """Begin a new trial, :func:`alone`; returns its number.

    Args:
        seed: of all trials; each has another that follows from it, or what an interrupted search
            or another process tried would be tried again.
    """
    trials = len(study.get_trials(deepcopy=False))
    numpy_seed = derive_seed(seed, "trial", trials) % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=numpy_seed, constant_liar=True)
    return study.ask(dict(space)).number


def check_space(study: Study, space: Space, fixed: Mapping[str, str], path: Path) -> None:
    """Make sure that a study is of this search.

    Args:
        fixed: values of the settings that are not searched.

    Raises:
        InputError: naming what differs.
    """
    wanted = dict(fixed) | {name: describe_distribution(found) for name, found in space.items()}
    then = study.user_attrs.get(SPACE)
    if then is None and not study.trials:
        study.set_user_attr(SPACE, wanted)
        return
    then = then or {}
    for name in sorted(wanted.keys() | then.keys()):
        if wanted.get(name) != then.get(name):
            raise InputError(
                f"{path} is the study of another search, in which {name} was "
                f"{then.get(name, UNSET)} and not {wanted.get(name, UNSET)}; "
                "set hydra.sweep.dir to a new folder"
            )


def describe_distribution(distribution: BaseDistribution) -> str:
    """A distribution as a user reads it."""
    values = json.loads(distribution_to_json(distribution))["attributes"]
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def running_trial(study: Study, number: int) -> Trial:
    """A trial of a study that another process has asked for."""
    (found,) = (trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
    return Trial(study, found._trial_id)
