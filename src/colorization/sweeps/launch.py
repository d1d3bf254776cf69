"""Hand a sweep's runs to a launcher: every combination of the values given, or some."""

import json
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import psutil
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, open_dict
from rich import get_console

from colorization.errors import INTERRUPTED, InputError
from colorization.models.results import RESULTS, find_outcome
from colorization.reports.progress import telling
from colorization.settings.commands import GridOrSearch
from colorization.settings.compare import find_difference, read_start, to_json
from colorization.settings.compose import parse_config, to_dict
from colorization.settings.failures import BAD_INPUT, one_line
from colorization.sweeps.runs import Jobs, check_same, save_jobs

LAUNCHERS = ("joblib", "submitit", "ray")
LOOK = 1  # s between looks whether a worker of joblib has died
DYING = 20  # s that joblib has to notice it


class Sweep(NamedTuple):
    """What Hydra gives a sweeper: a config, what composes others like it, and what runs them.

    Attributes:
        began: seconds since the epoch; failures from before are made anew.
    """

    config: DictConfig
    loader: ConfigLoader
    launcher: Launcher
    began: float

    @property
    def folder(self) -> Path:
        return Path(self.config.hydra.sweep.dir)

    @property
    def about(self) -> GridOrSearch:
        """The sweeper's own settings; errors are those of :func:`parse_config`."""
        about: GridOrSearch = parse_config(self.config, "hydra.sweeper")
        return about

    def parse(self, words: Sequence[str]) -> list[Override]:
        """Words in Hydra's grammar; its own errors are for what they are not."""
        overrides: list[Override] = OverridesParser.create(self.loader).parse_overrides([*words])
        return overrides

    def compose(self, words: Sequence[str]) -> DictConfig:
        """The config of a run; errors are Hydra's, for a setting that does not exist."""
        return self.loader.load_sweep_config(self.config, [*words])


def open_sweep(sweeper: Sweeper) -> Sweep:
    """Return what a sweeper was set up with."""
    assert sweeper.config is not None
    assert sweeper.hydra_context is not None
    assert sweeper.launcher is not None
    loader = sweeper.hydra_context.config_loader
    return Sweep(sweeper.config, loader, sweeper.launcher, began=time.time())


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


def launch(sweep: Sweep, jobs: Jobs, numbers: Collection[int]) -> None:
    """Write down what a sweep's runs are, and have some of them made.

    Raises:
        InputError: if the folder is another sweep's, or a worker dies.
        HydraException: for a setting that does not exist, before anything is made.
        KeyboardInterrupt, SystemExit: on Ctrl-C; what is finished stays.
    """
    batch = [
        [*jobs[number], f"hydra.sweep.subdir={number}", f"hydra.sweeper.trial={number}"]
        for number in numbers
    ]
    configs = [sweep.compose(words) for words in batch]
    defaults = to_train_settings(sweep.compose([]))
    check_same(jobs, sweep.folder)
    for number, config in zip(numbers, configs, strict=True):
        forget_failure(sweep.folder / str(number), sweep.began)
        check_settings(sweep.folder / str(number), config, defaults)
    save_jobs(jobs, sweep.folder)
    is_over = Event()
    if "n_jobs" in sweep.config.hydra.launcher:  # joblib
        Thread(target=watch_workers, args=(is_over,), daemon=True).start()
    try:
        with telling(
            lambda: f"{count_ended(sweep.folder, numbers)} of {len(batch)} runs have ended"
        ):
            for done in sweep.launcher.launch(batch, initial_job_idx=0):
                _ = done.return_value  # raises what the run could not write down
    except (KeyboardInterrupt, SystemExit) as stop:  # the latter of a run in this process
        if getattr(stop, "code", INTERRUPTED) == INTERRUPTED:
            get_console().print("stopped; the same command goes on")
        raise
    except Exception as error:
        library = type(error).__module__.partition(".")[0]
        if library not in LAUNCHERS and not isinstance(error, BrokenExecutor):
            raise
        reason = one_line(error).partition(". ")[0]
        raise InputError(
            f"a worker of {library} died: {reason}; the same command goes on"
        ) from error
    finally:
        is_over.set()


def watch_workers(is_over: Event) -> None:
    """End this process with one line if a worker of joblib is dead and joblib waits for it.

    That is so if it was killed while it handed over a result: the lock for that is never free
    again, and the other workers wait too.
    """
    dead: dict[int, float] = {}  # since when, by number; joblib buries those that it has noticed
    while not is_over.wait(LOOK):
        children = psutil.Process().children()
        now = time.monotonic()
        dead = {child.pid: dead.get(child.pid, now) for child in children if is_zombie(child)}
        if any(now - since > DYING for since in dead.values()):
            print("error: a worker of joblib died; the same command goes on", file=sys.stderr)
            processes = psutil.Process().children(recursive=True)
            for process in processes:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(processes, DYING)
            os._exit(2)


def is_zombie(process: psutil.Process) -> bool:
    """Tell whether a process has ended and nobody has asked for its status."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:  # it is gone
        return False


def count_ended(folder: Path, numbers: Collection[int]) -> int:
    """Count the runs of a sweep that have ended."""
    return sum((folder / str(number) / RESULTS).is_file() for number in numbers)


def check_settings(folder: Path, config: DictConfig, defaults: Mapping[str, Any]) -> None:
    """Make sure that what is in a run's folder was made with the settings that it is to have now.

    Raises:
        InputError: naming what differs, as after a change in conf/.
    """
    if not (folder / "config").is_dir():
        return
    try:
        now = to_train_settings(config)
    except BAD_INPUT:
        return  # the run itself will say so
    try:
        different = find_difference(read_settings_of(folder), now, defaults)
    except Exception:  # damaged bytes can raise anything
        if not (folder / RESULTS).is_file():
            return  # killed as Hydra wrote them; if it goes on, it compares with its checkpoint
        different = "settings that cannot be read"
    if different:
        raise InputError(
            f"{folder} was made with {different}, which is not so now; delete it, or set "
            "hydra.sweep.dir to a new folder"
        )


def forget_failure(folder: Path, before: float) -> None:
    """Have a run that failed earlier than this, in seconds since the epoch, made anew."""
    path = folder / RESULTS
    if "error" in (find_outcome(folder) or {}) and path.stat().st_mtime < before:
        path.unlink()


def to_train_settings(config: DictConfig) -> dict[str, Any]:
    """Return what src.train makes of a config; errors are those of :func:`parse_config`."""
    with open_dict(config):
        del config["hydra"]
    settings: dict[str, Any] = to_json(to_dict(parse_config(config)))
    return settings


def read_settings_of(folder: Path) -> dict[str, Any]:
    """Read what the run in a folder was made with, or else started with."""
    made = folder / RESULTS
    found = json.loads(made.read_text()).get("config") if made.is_file() else None
    return found or read_start(folder)
