"""``colorization video``: a film in, the coloured film out."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from colorization.cli.options import Device, Model, Precision


def video(
    context: typer.Context,
    input: Annotated[str, Argument(help="A film: MP4, MKV, MOV, AVI ...")],
    output: Annotated[str, Option("--output", "-o", help="The coloured film: .mp4, .mkv or .mov.")],
    model: Model = "default",
    keyframes: Annotated[
        str | None,
        Option(help="Folder for a picture of each shot, and for hints that correct it."),
    ] = None,
    reference: Annotated[
        str | None,
        Option(help="A coloured photograph that guides all shots, or a folder: one a shot."),
    ] = None,
    codec: Annotated[
        Literal["h264", "hevc", "av1", "prores", "ffv1"],
        Option(help="Of the pictures; ffv1 is lossless, for archives."),
    ] = "h264",
    quality: Annotated[int, Option(help="0 to 51; lower is better and larger.")] = 18,
    saturation: Annotated[float, Option(help="Strength of the colours, 0 to 10.")] = 1,
    seconds: Annotated[
        float | None, Option(help="Colour only so much of the beginning. (default: all)")
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace an output that is there already.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Colour a film, shot by shot. Sound, subtitles, chapters and time stamps stay as they are.

    A call that was interrupted goes on where it was when it is typed again.

    colorization video old.mp4 -o new.mp4

    colorization video old.mp4 -o new.mp4 --keyframes shots/ --overwrite
    """
    from colorization.cli.main import show_log
    from colorization.errors import InputError

    try:
        from colorization.video.run import colorize_film
    except ImportError as error:
        raise InputError(
            f"films need more packages ({error.name}): pip install -e '.[video]'"
        ) from error

    show_log()
    settings = dict(context.params)
    for name in ("input", "output", "model", "keyframes", "reference"):
        if settings[name] is not None:
            settings[name] = str(Path(settings[name]).expanduser())
    done = colorize_film(**settings)
    rate = f", {done.frames / done.seconds:.1f} frames/s" if done.colored == done.shots else ""
    print(f"coloured: {done.frames} frames in {done.shots} shots{rate}, in {settings['output']}")
