"""``colorization app``: a web page to colour photographs on, with hints."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from colorization.cli.options import Device, MaxPixels, Model, Precision, Size

MAX_MB = 1_000_000


def app(
    context: typer.Context,
    photographs: Annotated[
        list[str] | None, Argument(help="Photographs to choose from on the page.")
    ] = None,
    host: Annotated[
        str, Option(help="127.0.0.1: this machine alone; 0.0.0.0: everybody who can reach it.")
    ] = "127.0.0.1",
    hosts: Annotated[
        list[str] | None,
        Option(help="Another name that the page is reached by; requests by others are refused."),
    ] = None,
    port: Annotated[int, Option(min=1, max=65535)] = 7860,
    root_path: Annotated[
        str | None,
        Option(help="Behind a proxy: /colour there, or https://example.com/colour."),
    ] = None,
    model: Model = "default",
    size: Size = None,
    max_upload: Annotated[int, Option(min=1, max=MAX_MB, help="Refuse larger files, MB.")] = 32,
    max_pixels: MaxPixels = 100_000_000,
    max_memory: Annotated[
        int, Option(min=1, max=MAX_MB, help="MB for the photographs of all visits.")
    ] = 1000,
    max_disk: Annotated[
        int, Option(min=1, max=MAX_MB, help="MB for uploads and downloads of all visits.")
    ] = 2000,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Serve a page on which to colour photographs, with spots and strokes of known colours.

    colorization app                                on http://127.0.0.1:7860

    colorization app old.jpg                        offers old.jpg among the examples

    colorization app --model RUN/checkpoints/best.ckpt --port 8000
    """
    from colorization.cli.main import show_log
    from colorization.web.serve import serve
    from colorization.web.settings import PageSettings

    show_log()
    changed = {
        "hosts": hosts or [],
        "photographs": photographs or [],
        "model": str(Path(model).expanduser()),
    }
    serve(PageSettings(**context.params | changed))
