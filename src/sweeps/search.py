"""A search: what is tried next depends on what was found."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from src.errors import InputError
from src.files import held
from src.limits import at_least
from src.sweeps.job import error_of, read_outcome
from src.sweeps.launch import Sweep, launch
from src.sweeps.study import check_space, open_study


def run_search(sweep: Sweep, arguments: Sequence[str]) -> None:
    """Try settings until a study has so many trials, of which other processes may make some.

    Args:
        arguments: words of the command, which come last and so count most.

    Raises:
        InputError: for settings that cannot be searched, or a study of another search; others are
            those of :func:`launch`.
    """
    about, folder = sweep.config.hydra.sweeper, sweep.folder
    at_least("hydra.sweeper", about, trials=1, at_once=1, warmup=0)
    words = [f"{name}={values}" for name, values in about.params.items()]
    found = {o.get_key_element(): o for o in sweep.parse([*words, *arguments])}
    space = {name: distribution(o) for name, o in found.items() if o.is_sweep_override()}
    fixed = [f"{n}={o.get_value_element_as_str()}" for n, o in found.items() if n not in space]
    if not space:
        raise InputError("a search needs a setting to search, as optimizer.lr=interval(1e-4,1e-2)")
    study = open_study(Path(about.study), about.seed, about.warmup)
    check_space(study, space, Path(about.study))
    while batch := next_trials(study, folder, space, about.trials, about.at_once):
        tried = study.get_trials(deepcopy=False)
        jobs = {trial.number: [*fixed, *words_of(trial)] for trial in tried}
        launch(sweep, jobs, batch)
        tell(study, folder, batch)


def next_trials(
    study: Study, folder: Path, space: dict[str, BaseDistribution], trials: int, at_once: int
) -> list[int]:
    """Numbers of trials to make now: those that nobody goes on with, then new ones."""
    known = study.get_trials(deepcopy=False)
    left = [t.number for t in known if t.state == TrialState.RUNNING and is_free(folder, t.number)]
    new = max(0, min(trials - len(known), at_once - len(left)))
    return (left + [study.ask(space).number for _ in range(new)])[:at_once]


def is_free(folder: Path, number: int) -> bool:
    with held(folder / str(number)) as is_ours:
        return is_ours


def tell(study: Study, folder: Path, numbers: Sequence[int]) -> None:
    """Hand a study what its trials have found, as far as they have ended."""
    for number in numbers:
        outcome = read_outcome(folder / str(number))
        if outcome is None:  # another process is at it
            continue
        if "error" in outcome:
            study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        elif "pruned" in outcome:
            study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            study.tell(number, error_of(outcome), skip_if_finished=True)


def words_of(trial: FrozenTrial) -> list[str]:
    """A trial as src.train takes it; four digits are enough of a number."""
    said = {n: f"{v:.4g}" if isinstance(v, float) else v for n, v in trial.params.items()}
    return [f"{name}={value}" for name, value in said.items()]


def distribution(override: Override) -> BaseDistribution:
    """What Optuna draws from, of a setting's words in Hydra's grammar.

    Raises:
        InputError: for words that mean no distribution.
    """
    value = override.value()
    if isinstance(value, ChoiceSweep | RangeSweep):
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    if isinstance(value, IntervalSweep) and value.start is not None and value.end is not None:
        is_log = "log" in value.tags
        if isinstance(value.start, int) and isinstance(value.end, int):
            return IntDistribution(value.start, value.end, log=is_log)
        return FloatDistribution(value.start, value.end, log=is_log)
    raise InputError(
        f"{override.input_line} cannot be searched; use choice(A,B), range(A,B), interval(A,B) or "
        "tag(log, interval(A,B))"
    )
