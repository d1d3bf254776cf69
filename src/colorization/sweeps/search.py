"""A search: what is tried next depends on what was found."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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

from colorization.errors import InputError
from colorization.files.atomic import LOCK, is_free, locked
from colorization.models.results import find_outcome, get_error
from colorization.settings.commands import GridOrSearch
from colorization.settings.compare import drop_neutral
from colorization.sweeps.launch import Sweep, launch
from colorization.sweeps.runs import save_jobs
from colorization.sweeps.study import Space, ask, check_space, keep_others_waiting, open_study

TAKEN = ".taken"
"""The lock in a trial's folder of the process that has it made; another may be making it."""


def run_search(sweep: Sweep, arguments: Sequence[str]) -> None:
    """Try settings until a study has so many trials, of which other processes may make some.

    Args:
        arguments: words of the command, which come last and so count most.

    Raises:
        InputError: for settings that cannot be searched, or a study of another search; others are
            those of :func:`launch`.
    """
    about, folder = sweep.about, sweep.folder
    words = [f"{name}={values}" for name, values in about.params.items()]
    found = {o.get_key_element(): o for o in sweep.parse([*words, *arguments])}
    space = {name: make_distribution(o) for name, o in found.items() if o.is_sweep_override()}
    fixed = {n: o.get_value_element_as_str() for n, o in found.items() if n not in space}
    if not space:
        raise InputError("a search needs a setting to search, as optimizer.lr=interval(1e-4,1e-2)")
    values = fixed | {name: drawn.to_external_repr(0) for name, drawn in space.items()}
    sweep.compose([f"{name}={value}" for name, value in values.items()])  # before anything is made
    study = open_study(Path(about.study), about.warmup)
    with keep_others_waiting(Path(about.study)):
        check_space(study, space, drop_neutral(fixed), Path(about.study))
    made: set[int] = set()
    while True:
        with take_trials(study, space, about, folder, made) as batch:
            if not batch:
                break
            made.update(batch)
            launch(sweep, list_jobs(study, space, fixed), batch)
            tell_study(study, folder, batch)
    save_jobs(list_jobs(study, space, fixed), folder)  # those of other processes too


@contextmanager
def take_trials(
    study: Study, space: Space, about: GridOrSearch, folder: Path, made: Collection[int]
) -> Iterator[list[int]]:
    """Numbers of trials to make now, which no other process takes meanwhile.

    Those that nobody goes on with, then new ones.

    Args:
        made: not again, for they failed.
    """
    with ExitStack() as ours:
        with keep_others_waiting(Path(about.study)):
            known = list_drawn(study, space)
            running = [t.number for t in known if t.state == TrialState.RUNNING]
            places = {number: folder / str(number) for number in running if number not in made}
            left = [n for n, p in places.items() if is_free(p / LOCK) and is_free(p / TAKEN)]
            batch = left[: about.at_once]
            new = max(0, min((about.trials or 0) - len(known), about.at_once - len(batch)))
            batch += [ask(study, space, about.seed) for _ in range(new)]
            for number in batch:
                ours.enter_context(locked(folder / str(number) / TAKEN))
        yield batch


def list_drawn(study: Study, space: Space) -> list[FrozenTrial]:
    """Trials that have all their settings, which a study is not told in one.

    Raises:
        InputError: if a setting is drawn from anything else than the search does.
    """
    drawn = [t for t in study.get_trials(deepcopy=False) if t.params.keys() == space.keys()]
    for trial in drawn:
        if trial.distributions != space:
            raise InputError(
                f"trial {trial.number} of the study is drawn from {trial.distributions}, and not "
                f"from {space}; set hydra.sweep.dir to a new folder"
            )
    return drawn


def list_jobs(study: Study, space: Space, fixed: Mapping[str, str]) -> dict[int, list[str]]:
    """The words of every trial."""
    words = [f"{name}={value}" for name, value in fixed.items()]
    return {trial.number: [*words, *list_words(trial)] for trial in list_drawn(study, space)}


def tell_study(study: Study, folder: Path, numbers: Sequence[int]) -> None:
    """Hand a study what its trials have found; those that failed stay for the next command."""
    for number in numbers:
        outcome = find_outcome(folder / str(number))
        if outcome is None or "error" in outcome:
            continue
        state = TrialState.PRUNED if "pruned" in outcome else TrialState.COMPLETE
        value = None if "pruned" in outcome else get_error(outcome)
        study.tell(number, value, state=state, skip_if_finished=True)


def list_words(trial: FrozenTrial) -> list[str]:
    """A trial as src.train takes it; four digits are enough of a number."""
    said = {n: f"{v:.4g}" if isinstance(v, float) else v for n, v in trial.params.items()}
    return [f"{name}={value}" for name, value in said.items()]


def make_distribution(override: Override) -> BaseDistribution:
    """What Optuna draws from, of a setting's words in Hydra's grammar.

    Raises:
        InputError: for words that mean no distribution.
    """
    value = override.value()
    try:
        if isinstance(value, ChoiceSweep | RangeSweep):
            return CategoricalDistribution(list(override.sweep_string_iterator()))
        if isinstance(value, IntervalSweep) and value.start is not None and value.end is not None:
            is_log = "log" in value.tags
            if isinstance(value.start, int) and isinstance(value.end, int):
                return IntDistribution(value.start, value.end, log=is_log)
            return FloatDistribution(value.start, value.end, log=is_log)
    except ValueError as error:  # Optuna's, of limits that hold nothing
        raise InputError(f"{override.input_line} cannot be searched: {error}") from error
    raise InputError(
        f"{override.input_line} cannot be searched; use choice(A,B), range(A,B), interval(A,B) or "
        "tag(log, interval(A,B))"
    )
