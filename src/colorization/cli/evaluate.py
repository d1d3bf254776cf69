"""Score models and trivial baselines on datasets: ``python -m src.evaluate``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from colorization.cli import command
from colorization.evaluation.report import list_overview
from colorization.evaluation.run import evaluate
from colorization.reports.tables import print_table
from colorization.settings.commands import Evaluate
from colorization.settings.compose import CONF, parse_config
from colorization.training.reproduce import save_settings


def show(found: Mapping[str, Any], folder: Path) -> None:
    """Print the overview, and where the report lies."""
    for table in list_overview(found):
        print_table(table)
    print(f"report: {folder / 'report.html'}")


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        with command.run_folder() as folder:
            found = evaluate(parse_config(config), folder)
            save_settings(config, folder)
        show(found, folder)


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Evaluate)


if __name__ == "__main__":
    main()
