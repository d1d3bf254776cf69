"""Colour a file, a folder or a pattern of photographs, and go on after an interruption."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from colorization.errors import InputError
from colorization.hints.file import read_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import Journal, Work, clear_leftovers, outstanding, plan
from colorization.inference.stream import Options, Outcome, Stream
from colorization.models.registry import DEFAULT
from colorization.settings.limits import check, one_of, within
from colorization.settings.machine import cores
from colorization.settings.target import PIXELS

log = logging.getLogger(__name__)

EXISTING = one_of("refuse", "skip", "overwrite")
FORMAT = one_of("jpeg", "png", "webp", "tiff")
QUALITY = within(1, 100)
WORKERS = within(1, 256)


class AlbumResult(NamedTuple):
    """How many photographs were coloured now, and why the others were not."""

    colored: int
    failed: Mapping[Path, str]


def colorize_album(
    input: str,
    output: str,
    *,
    model: str = DEFAULT,
    hints: str | None = None,
    existing: str = "refuse",
    format: str | None = None,
    quality: int = 92,
    saturation: float = 1,
    side_by_side: bool = False,
    size: int | None = None,
    tiles: bool = False,
    flip_average: bool | None = None,
    temperature: float | None = None,
    workers: int | None = None,
    max_pixels: int = 500_000_000,
    device: str = "auto",
    precision: str = "auto",
) -> AlbumResult:
    """Colour a photograph, or all of a folder or pattern; one that fails does not stop the others.

    Args:
        input: path of a file or folder, or a pattern such as ``photos/**/*.tif``.
        output: path of a file for a file; else of a folder.
        model: name of a shipped model, or path of a checkpoint, bundle or ONNX file.
        hints: path of a file of hints, for one photograph.
        existing: what happens to results that exist: ``refuse``, ``skip`` or ``overwrite``.
        format: of the results: ``jpeg``, ``png``, ``webp`` or ``tiff``; None is the input's.
        quality: of JPEG and WebP, 1 to 100.
        side_by_side: whether the gray photograph is shown beside the coloured one.
        workers: photographs that are decoded and encoded at a time; None is the CPU's cores.
        max_pixels: of a picture; a larger one is refused.
        saturation, size, tiles, flip_average, temperature, device, precision: as for
            :meth:`PhotoColorizer.load`.

    Raises:
        InputError: if nothing can be coloured: for the input, output, model or device.
        KeyboardInterrupt: on Ctrl-C; the same call goes on where it was.
    """
    asked = dict(locals())
    check("existing", existing, EXISTING)
    check("format", format, FORMAT)
    check("quality", quality, QUALITY)
    check("workers", workers, WORKERS)
    check("max_pixels", max_pixels, PIXELS)
    works = plan(input, output, format)
    is_single = len(works) == 1 and works[0].source == Path(input)
    given = read_hints(Path(hints)) if hints else None
    if given and not is_single:
        raise InputError("hints are for one photograph; set input to a file")
    journal = Journal(Path(output), asked)
    done = set() if is_single else journal.done(works)
    rest = [work for work in works if work not in done]
    works = outstanding(rest, existing)
    if done:
        log.info("%d photographs were coloured before it was interrupted", len(done))
    if len(works) < len(rest):
        log.info("%d are coloured already and passed over", len(rest) - len(works))
    if not works:
        return AlbumResult(0, {})
    colorizer = PhotoColorizer.load(
        model,
        device=device,
        precision=precision,
        size=size,
        saturation=saturation,
        tiles=tiles,
        flip_average=flip_average,
        temperature=temperature,
        threads=None if is_single else 1,
    )
    clear_leftovers(works)
    if not is_single:
        journal.open()
    options = Options(quality, side_by_side, max_pixels, given)
    stream = Stream(colorizer, options, workers or cores())
    try:
        running = stream.run(works)
        outcomes = list(running if is_single else show_progress(running, len(works)))
    except KeyboardInterrupt:
        log.warning("interrupted; the same command goes on where it was")
        raise
    if not is_single:
        journal.close()
    tell(outcomes)
    failed = {outcome.work.source: outcome.error for outcome in outcomes if outcome.error}
    return AlbumResult(len(outcomes) - len(failed), failed)


def show_progress(outcomes: Iterator[Outcome], count: int) -> Iterator[Outcome]:
    """Go through outcomes under a bar with their number and rate, or between lines of the log."""
    from rich.progress import MofNCompleteColumn  # slow to import, and not for one photograph

    from colorization.reports.progress import RateColumn, shown

    return shown(outcomes, "colouring", count, columns=(MofNCompleteColumn(), RateColumn()))


def tell(outcomes: Sequence[Outcome]) -> None:
    """Log every note once, with the photographs that it is of."""
    noted: dict[str, list[Work]] = {}
    for outcome in outcomes:
        for note in outcome.notes:
            noted.setdefault(note, []).append(outcome.work)
    for note, works in noted.items():
        more = f" and {len(works) - 1} more" if len(works) > 1 else ""
        log.info("%s%s: %s", works[0].source, more, note)
