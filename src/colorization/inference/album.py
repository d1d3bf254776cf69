"""Colour a file, a folder or a pattern of photographs, and go on after an interruption.

Photographs are read, predicted in batches and written at the same time.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from colorization.errors import InputError, goes_on
from colorization.files.atomic import check_writable
from colorization.files.pictures import FORMATS, Wanted
from colorization.files.restoring import check_restoring
from colorization.hints.file import read_hints
from colorization.inference.gallery import write_gallery
from colorization.inference.journal import Journal, clear_leftovers
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import PhotoTask, plan_album, select_outstanding
from colorization.inference.stream import PhotoResult, PhotoStream, WritingOptions
from colorization.inference.summary import AlbumResult, write_report
from colorization.models.registry import DEFAULT
from colorization.settings.fields import PIXELS, check, one_of, within
from colorization.settings.machine import cores

log = logging.getLogger(__name__)

LIMITS = {
    "existing": one_of("refuse", "skip", "overwrite"),
    "format": one_of(*FORMATS),
    "quality": within(1, 100),
    "workers": within(1, 256),
    "max_pixels": PIXELS,
    "white": within(1e-6, 1e12),
    "restore": one_of("tone"),
}
GALLERY = "gallery.html"


def colorize_album(
    input: str,
    output: str,
    *,
    model: str = DEFAULT,
    hints: str | None = None,
    reference: str | None = None,
    existing: str = "refuse",
    format: str | None = None,
    quality: int = 92,
    saturation: float = 1,
    side_by_side: bool = False,
    recolor: bool = False,
    salvage: bool = False,
    pages: str = "1",
    white: float | None = None,
    restore: str | None = None,
    report: str | None = None,
    gallery: bool = False,
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
        reference: path of a coloured photograph that guides the colours.
        existing: what happens to results that exist: ``refuse``, ``skip`` or ``overwrite``.
        format: of the results: ``jpeg``, ``png``, ``webp``, ``tiff`` or ``avif``; None is the
            input's, or PNG or JPEG where that is only read.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        side_by_side: whether the gray photograph is shown beside the coloured one.
        recolor: whether pictures that have colours of their own are coloured anew; else they are
            handed on with these.
        salvage: whether what is left of a damaged file is coloured; else it is refused.
        pages: of files with several pictures: a number, from 1 on, or ``all``.
        white: the value of white in files of floating point or more than 8 bits; None finds it.
        restore: ``tone`` stretches the lightness of faded photographs before they are coloured.
        report: path of a JSON file that says what became of every file.
        workers: photographs that are decoded and encoded at a time; None is the CPU's cores.
        max_pixels: of a picture; a larger one is refused.
        gallery: whether ``gallery.html`` is written beside the results, to look through them.
        saturation, size, tiles, flip_average, temperature, device, precision: as for
            :meth:`PhotoColorizer.load`.

    Raises:
        InputError: if nothing can be coloured: for the input, output, model or device.
        OSError: if the report cannot be written.
        KeyboardInterrupt: on Ctrl-C; the same call goes on where it was.
    """
    asked = dict(locals())
    check_choices(asked)
    if report:
        check_writable(Path(report))
    planned, passed = plan_album(input, output, format, pages)
    is_single = len(planned) == 1 and planned[0].source == Path(input)
    given = read_hints(Path(hints)) if hints else None
    if given and not is_single:
        raise InputError("hints are for one photograph; set input to a file")
    journal = None if is_single else Journal(Path(output), asked)
    tasks = select_tasks(planned, existing, journal)
    results: list[PhotoResult] = []
    if tasks:
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
        colorizer.set_reference(Path(reference) if reference else None)
        wanted = Wanted(white=white, salvage=salvage)
        recolor = recolor or given is not None or reference is not None
        name = str(colorizer.model.about.get("name", Path(model).stem))
        options = WritingOptions(
            quality, side_by_side, max_pixels, given, recolor, wanted, restore, name
        )
        results = color(PhotoStream(colorizer, options, workers or cores()), tasks, journal)
    todo = set(tasks)
    album = AlbumResult.of(results, (task for task in planned if task not in todo), passed)
    if gallery:
        folder = planned[0].target.parent if is_single else Path(output)
        show_results(planned, results, folder)
    if report:
        write_report(album, asked, Path(report))
    return album


def check_choices(asked: Mapping[str, Any]) -> None:
    """Raise InputError for an option of :func:`colorize_album` that cannot be meant."""
    for name, limits in LIMITS.items():
        check(name, asked[name], limits)
    if asked["restore"]:
        check_restoring()
    pages = asked["pages"]
    if pages != "all" and not (pages.isdecimal() and 0 < int(pages) < 10**6):
        raise InputError(f"pages is {pages}; it must be a number from 1 on, or all")


def select_tasks(
    planned: Sequence[PhotoTask], existing: str, journal: Journal | None
) -> list[PhotoTask]:
    """Return the tasks that are left; say how many are not."""
    done = journal.done(planned) if journal else set()
    rest = [task for task in planned if task not in done]
    tasks = select_outstanding(rest, existing)
    if done:
        log.info("%d photographs were coloured before it was interrupted", len(done))
    if len(tasks) < len(rest):
        log.info("%d are coloured already and passed over", len(rest) - len(tasks))
    return tasks


def color(
    stream: PhotoStream, tasks: Sequence[PhotoTask], journal: Journal | None
) -> list[PhotoResult]:
    """Colour photographs under a journal, or one photograph without; log their notes."""
    clear_leftovers(tasks)
    if journal:
        journal.open()
    running = stream.run(tasks)
    with goes_on():
        results = list(show_progress(running, len(tasks)) if journal else running)
    if journal:
        journal.close()
    log_notes(results)
    return results


def show_results(
    planned: Sequence[PhotoTask], results: Iterable[PhotoResult], folder: Path
) -> None:
    """Write the page that shows all results, those of earlier calls too, if there are any."""
    if not any(task.target.is_file() for task in planned):
        log.warning("no %s is written: there is no result to show", GALLERY)
        return
    outcomes = {result.task: result.outcome for result in results}
    shown = ((task, outcomes.get(task) or "left") for task in planned)
    write_gallery(shown, folder, folder / GALLERY)
    log.info("%s shows the results", folder / GALLERY)


def show_progress(results: Iterator[PhotoResult], count: int) -> Iterator[PhotoResult]:
    """Go through results under a bar with their number and rate, or between lines of the log."""
    from rich.progress import MofNCompleteColumn  # slow to import, and not for one photograph

    from colorization.reports.progress import RateColumn, shown

    return shown(results, "colouring", count, columns=(MofNCompleteColumn(), RateColumn()))


def log_notes(results: Sequence[PhotoResult]) -> None:
    """Log each note once, with the first photograph that has it and the number of others."""
    noted: dict[str, list[PhotoTask]] = {}
    for result in results:
        for note in result.notes:
            noted.setdefault(note, []).append(result.task)
    for note, tasks in noted.items():
        more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
        log.info("%s%s: %s", tasks[0].source, more, note)
