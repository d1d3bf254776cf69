"""Serve the page, in a folder of its own that is gone afterwards."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from colorization.errors import InputError, interruptible
from colorization.files.pictures import SUFFIXES
from colorization.models.registry import DEFAULT, list_shipped
from colorization.settings.installation import EXAMPLES
from colorization.web.settings import PageSettings


@interruptible()
def serve(settings: PageSettings) -> None:
    """Serve the page until Ctrl-C or SIGTERM; what visitors left is removed then.

    Raises:
        InputError: if a model cannot be loaded, the port is taken, or a package is missing.
    """
    models = list(dict.fromkeys([settings.model, DEFAULT, *list_shipped()]))
    how = {"size": settings.size, "device": settings.device, "precision": settings.precision}
    given = [Path(name).expanduser() for name in settings.photographs]
    for path in given:
        if not path.is_file():
            raise InputError(f"no photograph {path}")
    examples = given + sorted(path for path in EXAMPLES.iterdir() if path.suffix in SUFFIXES)
    with TemporaryDirectory(prefix="page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = os.path.realpath(folder)  # before Gradio is read
        try:
            from colorization.web.desk import Desk
            from colorization.web.page import serve_page
        except ImportError as error:
            raise InputError(
                f"the page needs {error.name}: pip install 'colorization[app]'"
            ) from error
        from colorization.web.studio import Studio
        from colorization.web.visits import MB, Shelf, Visits

        desk = Desk(
            Studio(how, settings.max_pixels),
            models,
            {path.name: path for path in examples},
            Visits(settings.max_memory * MB),
            Shelf(Path(folder), settings.max_disk * MB),
        )
        serve_page(desk, settings)
