"""Colour photographs on a web page: ``python -m src.app``."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from src import command
from src.config import CONF, checked
from src.errors import InputError
from src.imaging.pictures import SUFFIXES
from src.models.places import DEFAULT, shipped
from src.schemas.commands import App

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"


def serve(settings: App) -> None:
    """Serve the page until it is interrupted.

    Raises:
        InputError: if a model cannot be loaded, the port is taken, or a package is missing.
    """
    try:
        from src.web.page import made_page, served
    except ImportError as error:
        raise InputError(f"the page needs {error.name}: pip install -e '.[app]'") from error
    from src.web.studio import Studio

    models = list(dict.fromkeys([settings.model, DEFAULT, *shipped()]))
    how = {"size": settings.size, "device": settings.accelerator, "precision": settings.precision}
    studio = Studio(how, settings.max_pixels)
    examples = sorted(path for path in EXAMPLES.iterdir() if path.suffix in SUFFIXES)
    served(made_page(studio, models, examples), settings.host, settings.port, settings.max_upload)


@hydra.main(version_base="1.3", config_path=CONF, config_name="app")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        serve(checked(config))


if __name__ == "__main__":
    command.run(main, App)
