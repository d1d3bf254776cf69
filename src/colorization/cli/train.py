"""Train a colorizer and test it beside the trivial baselines: ``python -m src.train``."""

import logging
import sys
from contextlib import nullcontext
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich import get_console

from colorization.cli import command
from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.settings.commands import Train
from colorization.settings.compose import CONF, is_first, parse_config
from colorization.settings.run_files import CHECKPOINTS
from colorization.sweeps.job import run as run_in_sweep
from colorization.sweeps.runs import add_folder
from colorization.training.callbacks import SavedSettings
from colorization.training.checkpoints import make_resume_command
from colorization.training.reproduce import compare, expand_from
from colorization.training.run import quieten_lightning, train
from colorization.training.testing import print_scores

log = logging.getLogger(__name__)


def run_job(config: DictConfig) -> float:
    """One run, or one of a sweep; returns the validation error, which a sweep minimises."""
    quieten_lightning()
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    if job.mode == RunMode.MULTIRUN:
        return run_in_sweep(config, folder, train)
    try:
        with held(folder) if is_first() else nullcontext(True) as is_ours:
            if not is_ours:
                raise InputError(f"another process is training in {folder}; wait for it to end")
            with command.run_folder() if is_first() else nullcontext():
                found = train(parse_config(config), folder, [SavedSettings(config, folder)])
    except KeyboardInterrupt:
        log.warning("stopped")
        if (folder / CHECKPOINTS / "last.ckpt").is_file():
            line = f"go on with: {make_resume_command(folder, job.overrides.task)}"
            get_console().print(line, soft_wrap=True, highlight=False, markup=False)
        raise
    if not found:
        return float("nan")
    print_scores(found, folder)
    if found["config"]["repeats"]:
        compare(found, Path(found["config"]["repeats"]))
    value: float = found["val"]["mse"]
    return value


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
def run(config: DictConfig) -> float:
    with command.one_line_errors():
        return run_job(config)


def main() -> None:
    """Run the command that was typed."""
    with command.one_line_errors():
        sys.argv[1:] = add_folder(expand_from(sys.argv[1:]))
    command.run(run, Train)


if __name__ == "__main__":
    main()
