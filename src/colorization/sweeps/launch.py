"""Hand a sweep's runs to a launcher."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, open_dict
from rich import get_console

from colorization.errors import INTERRUPTED, InputError
from colorization.reports.progress import telling
from colorization.settings.commands import GridOrSearch
from colorization.settings.compare import Wanted, as_json, started_with
from colorization.settings.compose import checked, plain
from colorization.settings.failures import BAD_INPUT, one_line
from colorization.sweeps.folder import Jobs, check_same, save_jobs
from colorization.sweeps.job import read_outcome

LAUNCHERS = ("joblib", "submitit", "ray")


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
        """The sweeper's own settings; errors are those of :func:`checked`."""
        about: GridOrSearch = checked(self.config, "hydra.sweeper")
        return about

    def parse(self, words: Sequence[str]) -> list[Override]:
        """Words in Hydra's grammar; its own errors are for what they are not."""
        overrides: list[Override] = OverridesParser.create(self.loader).parse_overrides([*words])
        return overrides

    def compose(self, words: Sequence[str]) -> DictConfig:
        """The config of a run; errors are Hydra's, for a setting that does not exist."""
        return self.loader.load_sweep_config(self.config, [*words])


def sweep_of(sweeper: Sweeper) -> Sweep:
    """What a sweeper was set up with."""
    assert sweeper.config is not None
    assert sweeper.hydra_context is not None
    assert sweeper.launcher is not None
    loader = sweeper.hydra_context.config_loader
    return Sweep(sweeper.config, loader, sweeper.launcher, began=time.time())


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
    defaults = settings_in(sweep.compose([]))
    check_same(jobs, sweep.folder)
    for number, config in zip(numbers, configs, strict=True):
        forget_failure(sweep.folder / str(number), sweep.began)
        check_settings(sweep.folder / str(number), config, defaults)
    save_jobs(jobs, sweep.folder)
    try:
        with telling(lambda: f"{ended(sweep.folder, numbers)} of {len(batch)} runs have ended"):
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


def ended(folder: Path, numbers: Collection[int]) -> int:
    """How many of a sweep's runs have ended."""
    return sum((folder / str(number) / "results.json").is_file() for number in numbers)


def check_settings(folder: Path, config: DictConfig, defaults: Mapping[str, Any]) -> None:
    """Make sure that what is in a run's folder was made with the settings that it is to have now.

    Raises:
        InputError: naming what differs, as after a change in conf/.
    """
    if not (folder / "config").is_dir():
        return
    try:
        wanted = Wanted(settings_in(config), defaults)
    except BAD_INPUT:
        return  # the run itself will say so
    try:
        different = wanted.difference(settings_of(folder))
    except Exception:  # damaged bytes can raise anything
        if not (folder / "results.json").is_file():
            return  # killed as Hydra wrote them; if it goes on, it compares with its checkpoint
        different = "settings that cannot be read"
    if different:
        raise InputError(
            f"{folder} was made with {different}, which is not so now; delete it, or set "
            "hydra.sweep.dir to a new folder"
        )


def forget_failure(folder: Path, before: float) -> None:
    """Have a run that failed earlier than this, in seconds since the epoch, made anew."""
    path = folder / "results.json"
    if "error" in (read_outcome(folder) or {}) and path.stat().st_mtime < before:
        path.unlink()


def settings_in(config: DictConfig) -> dict[str, Any]:
    """What src.train makes of a config; errors are those of :func:`checked`."""
    with open_dict(config):
        del config["hydra"]
    settings: dict[str, Any] = as_json(plain(checked(config)))
    return settings


def settings_of(folder: Path) -> dict[str, Any]:
    """What the run in a folder was made with, or else started with."""
    made = folder / "results.json"
    found = json.loads(made.read_text()).get("config") if made.is_file() else None
    return found or started_with(folder)
