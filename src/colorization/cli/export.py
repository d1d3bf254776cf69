"""A trained model to hand on: ``python -m src.export checkpoint=PATH format=bundle``."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from colorization.cli import command
from colorization.errors import interruptible
from colorization.models.export import export_model
from colorization.settings.commands import Export
from colorization.settings.compose import CONF, checked, plain


@interruptible()
def export(settings: Export) -> Path:
    """Write what ``settings`` name; errors are those of :func:`export_model`."""
    return export_model(**plain(settings))


@hydra.main(version_base="1.3", config_path=CONF, config_name="export")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        print(f"written: {export(checked(config))}")


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Export)
