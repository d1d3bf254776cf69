"""A finished or half-finished sweep as a table and a page: ``python -m src.sweep_report``."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from src import command
from src.config import CONF, checked
from src.schemas.commands import SweepReport
from src.sweeps.report import report


@hydra.main(version_base="1.3", config_path=CONF, config_name="sweep_report")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        settings: SweepReport = checked(config)
        report(Path(settings.folder))


if __name__ == "__main__":
    command.run(main, SweepReport)
