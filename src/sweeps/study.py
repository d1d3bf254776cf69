"""An Optuna study in SQLite, which several processes may share."""

import json
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import Trial

from src.errors import InputError

optuna.logging.set_verbosity(optuna.logging.WARNING)

Space = Mapping[str, BaseDistribution]
"""By setting, what is searched."""

BUSY = 60  # s to wait for another process that writes
STARTUP = 5  # runs that end before any is given up
NAME = "search"
SPACE = "space"


def open_study(path: Path, seed: int, warmup: int) -> Study:
    """Open a study of validation errors, or begin it.

    Args:
        seed: of what is tried.
        warmup: epochs that no run is given up before.

    Raises:
        InputError: if the file is not a study.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": BUSY}})
        study = optuna.create_study(
            storage=storage, study_name=NAME, load_if_exists=True, direction="minimize"
        )
    except Exception as error:  # of SQLAlchemy and Alembic, of many kinds
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be used as the study of a search: {reason}") from error
    # Another seed after every interruption, or what was tried first would be tried again.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), constant_liar=True)
    study.pruner = optuna.pruners.MedianPruner(STARTUP, n_warmup_steps=warmup)
    return study


def check_space(study: Study, space: Space, path: Path) -> None:
    """Make sure that a study is of this search.

    Raises:
        InputError: naming what differs.
    """
    wanted = {name: distribution_to_json(found) for name, found in space.items()}
    then = study.user_attrs.get(SPACE)
    if then is None and not study.trials:
        study.set_user_attr(SPACE, wanted)
        return
    then = then or {}
    for name in sorted(wanted.keys() | then.keys()):
        if wanted.get(name) != then.get(name):
            raise InputError(
                f"{path} is the study of another search, in which {name} was "
                f"{described(then.get(name))} and not {described(wanted.get(name))}; "
                "set hydra.sweep.dir to a new folder"
            )


def described(distribution: str | None) -> str:
    """A distribution as a user reads it."""
    if distribution is None:
        return "not searched"
    about = json.loads(distribution)
    values = about["attributes"]
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def running_trial(study: Study, number: int) -> Trial:
    """A trial of a study that another process has asked for."""
    (found,) = (trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
    return Trial(study, found._trial_id)
