"""``colorization evaluate-films``: score the colouring of films whose true colours are known."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from colorization.cli.options import Device, Model, Precision


def evaluate_films(
    folder: Annotated[str, Argument(help="Folder of clips, each a folder of frames.")],
    output: Annotated[str, Option("--output", "-o", help="File of results: one JSON a line.")],
    clip: Annotated[
        list[str] | None, Option(help="Name of a clip; may be repeated. (default: all)")
    ] = None,
    tuned_on: Annotated[
        list[str] | None,
        Option(help="A clip that settings were chosen on, for the record."),
    ] = None,
    protocol: Annotated[
        Literal["first", "nothing", "both"],
        Option(help="What is given: the first frame's true colours, or nothing."),
    ] = "both",
    frames: Annotated[
        int | None, Option(min=6, help="Only so many first frames of each clip. (default: all)")
    ] = None,
    model: Model = "default",
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Score the colouring of films, with the first frame given and with nothing given.

    colorization evaluate-films DAVIS/JPEGImages/480p -o results/films.jsonl
    """
    from colorization.cli.main import show_log
    from colorization.errors import InputError

    try:
        from colorization.video import evaluate
    except ImportError as error:
        hint = f"films need more packages ({error.name}): pip install -e '.[video]'"
        raise InputError(hint) from error
    from colorization.inference.photo_colorizer import PhotoColorizer
    from colorization.reports.progress import shown

    show_log()
    clips = Path(folder).expanduser()
    chosen = evaluate.find_clips(clips, clip or [])
    colorizer = PhotoColorizer.load(
        str(Path(model).expanduser()), device=device, precision=precision
    )
    words = ["colorization", "evaluate-films", clips.name, *sys.argv[3:]]
    about = evaluate.describe_call(shlex.join(words), model, tuned_on or [])
    protocols = ["", *(["first", "nothing"] if protocol == "both" else [protocol])]
    rows = evaluate.evaluate_films(
        clips, colorizer, about, [path.name for path in chosen], protocols, frames
    )
    found = []
    total = len(chosen) * (1 + sum(len(evaluate.PROTOCOLS[name]) for name in protocols))
    for each in shown(rows, "rows of clips", total):
        found.append(each)
        evaluate.write_results(found, Path(output).expanduser())
    for mean in evaluate.average(found):
        print(evaluate.format_mean(mean))
    for name, row in evaluate.PUBLISHED.items():
        print(f"published {name}: {row}")
