"""``colorization colorize``: photographs in, coloured photographs out."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from colorization.cli.options import Device, Model, Precision, Size

FAILED = 1  # the exit status where some photographs could not be coloured


def colorize(
    context: typer.Context,
    input: Annotated[
        str, Argument(help="A photograph, a folder, or a pattern in quotes: 'photos/**/*.tif'.")
    ],
    output: Annotated[str, Option("--output", "-o", help="A file for a file, else a folder.")],
    model: Model = "default",
    hints: Annotated[str | None, Option(help="File of hints (JSON), for one photograph.")] = None,
    reference: Annotated[
        str | None, Option(help="A coloured photograph like it, which guides the colours.")
    ] = None,
    existing: Annotated[
        Literal["refuse", "skip", "overwrite"], Option(help="What to do with results that exist.")
    ] = "refuse",
    format: Annotated[
        Literal["jpeg", "png", "webp", "tiff", "avif"] | None,
        Option(help="Format of the results. (default: the input's)"),
    ] = None,
    quality: Annotated[int, Option(help="Of JPEG, WebP and AVIF, 1 to 100.")] = 92,
    saturation: Annotated[float, Option(help="Strength of the colours, 0 to 10.")] = 1,
    side_by_side: Annotated[
        bool, Option("--side-by-side", help="Put the gray photograph beside the coloured one.")
    ] = False,
    recolor: Annotated[
        bool, Option("--recolor", help="Colour pictures anew that have colours of their own.")
    ] = False,
    salvage: Annotated[
        bool, Option("--salvage", help="Colour what is left of damaged files.")
    ] = False,
    pages: Annotated[str, Option(help="Of files with several pictures: a number, or all.")] = "1",
    white: Annotated[
        float | None, Option(help="Value of white in files that do not say it. (default: guessed)")
    ] = None,
    restore: Annotated[
        Literal["tone"] | None,
        Option(help="Stretch the lightness of faded photographs before colouring them."),
    ] = None,
    report: Annotated[
        str | None, Option(help="Write what became of every file, as JSON, to this file.")
    ] = None,
    gallery: Annotated[
        bool, Option("--gallery", help="Write gallery.html beside the results, to look through.")
    ] = False,
    size: Size = None,
    tiles: Annotated[
        bool, Option("--tiles", help="At a larger size, look at squares of the model's own size.")
    ] = False,
    flip_average: Annotated[
        bool | None, Option(help="Average with the mirror image. (default: as trained)")
    ] = None,
    temperature: Annotated[
        float | None,
        Option(help="Of models that predict bins; lower is more vivid."),
    ] = None,
    workers: Annotated[
        int | None,
        Option(help="Photographs read and written at a time. (default: cores)"),
    ] = None,
    max_pixels: Annotated[int, Option(help="Refuse larger pictures.")] = 500_000_000,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Colour photographs at their full resolution.

    The photograph's own lightness stays as it is. EXIF, colour profile and transparency are kept.

    colorization colorize old.jpg -o new.jpg

    colorization colorize photos/ -o coloured/ --saturation 1.2
    """
    from colorization.cli.main import show_log
    from colorization.inference.album import colorize_album
    from colorization.inference.summary import summarize

    show_log()
    settings = {name: value for name, value in context.params.items() if value is not None}
    for name in ("input", "output", "model", "hints", "report", "reference"):
        if name in settings:
            settings[name] = str(Path(settings[name]).expanduser())
    album = colorize_album(**settings)
    print("\n".join(summarize(album, settings["output"])))
    if album.failed:
        lines = [f"  {path}: {reason}" for path, reason in album.failed.items()]
        typer.echo("\n".join([f"failed: {len(album.failed)}", *lines]), err=True)
        raise typer.Exit(FAILED)
