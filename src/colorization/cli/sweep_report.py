"""A finished or half-finished sweep as a table and a page: ``python -m src.sweep_report``."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from colorization.cli import command
from colorization.settings.commands import SweepReport
from colorization.settings.compose import CONF, checked
from colorization.sweeps.report import report


@hydra.main(version_base="1.3", config_path=CONF, config_name="sweep_report")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        settings: SweepReport = checked(config)
        report(Path(settings.folder))


def main() -> None:
    """Run the command that was typed."""
    command.run(run, SweepReport)
