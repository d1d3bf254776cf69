"""Every combination of the values given."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from colorization.errors import InputError
from colorization.sweeps.launch import Sweep, launch


def run_grid(sweep: Sweep, arguments: Sequence[str]) -> None:
    """Make all runs of a sweep that are not made yet.

    Args:
        arguments: words of the command, which come last and so count most.

    Raises:
        InputError: for values that are no list, or none; others are those of :func:`launch`.
    """
    about = sweep.about
    combined: list[list[str]] = []
    for grid in about.grids or [{}]:
        words = [f"{name}={values}" for name, values in {**about.params, **grid}.items()]
        overrides = sweep.parse([*words, *arguments])
        for override in overrides:
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise InputError(
                    f"{override.input_line} is for a search; set hydra.sweeper.trials too"
                )
            if override.is_sweep_override() and not list(override.sweep_string_iterator()):
                raise InputError(f"{override.input_line} has no values to sweep")
        (found,) = BasicSweeper.split_arguments(overrides, None)
        combined += found
    jobs = dict(enumerate(combined))
    launch(sweep, jobs, jobs)
