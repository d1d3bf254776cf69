"""Colour a file, a folder or a pattern of photographs, and go on after an interruption.

Photographs are read, predicted in batches and written at the same time.
"""

import json
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from colorization.errors import InputError, in_words
from colorization.files.atomic import beside_prefix, matching, write_text
from colorization.files.painting import Floats, Pixels, paint
from colorization.files.pictures import (
    FORMATS,
    SUFFIXES,
    Picture,
    UnreadableError,
    check_suffix,
)
from colorization.files.reading import open_picture, read_picture
from colorization.files.writing import write_picture
from colorization.hints.file import Hints, read_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.models.registry import DEFAULT
from colorization.settings.fields import PIXELS, check, one_of, within
from colorization.settings.machine import cores, is_running

log = logging.getLogger(__name__)

EXISTING = one_of("refuse", "skip", "overwrite")
FORMAT = one_of("jpeg", "png", "webp", "tiff")
QUALITY = within(1, 100)
WORKERS = within(1, 256)
JOURNAL = ".colorize-unfinished"
PASSING = ("workers", "device", "existing", "max_pixels")  # settings that leave results alike
FAILURES = (UnreadableError, OSError, MemoryError)  # of one photograph
IN_FLIGHT = 100_000_000  # pixels of all photographs between reading and writing, if more than one


class PhotoTask(NamedTuple):
    """The paths of a gray photograph and of its result."""

    source: Path
    target: Path


class WritingOptions(NamedTuple):
    """How results are written. Hints are only for a single photograph."""

    quality: int
    side_by_side: bool
    max_pixels: int
    hints: Hints | None = None


class PhotoResult(NamedTuple):
    """A photograph that is done: notes about it, or the reason why it failed."""

    task: PhotoTask
    notes: tuple[str, ...] = ()
    error: str = ""


class PredictedBatch(NamedTuple):
    """Photographs that are predicted together, and their future ab."""

    photographs: list[tuple[PhotoTask, Picture]]
    predicted: Future[list[Floats]]


class AlbumResult(NamedTuple):
    """The number of photographs coloured by this call, and why the others failed."""

    colored: int
    failed: Mapping[Path, str]


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
    tasks = plan_album(input, output, format)
    is_single = len(tasks) == 1 and tasks[0].source == Path(input)
    given = read_hints(Path(hints)) if hints else None
    if given and not is_single:
        raise InputError("hints are for one photograph; set input to a file")
    journal = Journal(Path(output), asked)
    done = set() if is_single else journal.done(tasks)
    rest = [task for task in tasks if task not in done]
    tasks = select_outstanding(rest, existing)
    if done:
        log.info("%d photographs were coloured before it was interrupted", len(done))
    if len(tasks) < len(rest):
        log.info("%d are coloured already and passed over", len(rest) - len(tasks))
    if not tasks:
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
    colorizer.set_reference(Path(reference) if reference else None)
    clear_leftovers(tasks)
    if not is_single:
        journal.open()
    options = WritingOptions(quality, side_by_side, max_pixels, given)
    stream = PhotoStream(colorizer, options, workers or cores())
    try:
        running = stream.run(tasks)
        results = list(running if is_single else show_progress(running, len(tasks)))
    except KeyboardInterrupt:
        log.warning("interrupted; run the same command again to go on")
        raise
    if not is_single:
        journal.close()
    log_notes(results)
    failed = {result.task.source: result.error for result in results if result.error}
    return AlbumResult(len(results) - len(failed), failed)


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


def plan_album(pattern: str, output: str, form: str | None) -> list[PhotoTask]:
    """Find the photographs of a file, folder or glob pattern, and choose a target for each.

    Subfolders of a folder, or below the fixed part of a pattern, are kept.

    Args:
        form: of the results; None is each photograph's own.

    Raises:
        InputError: if there is none, or a result would replace an input or another result.
    """
    folder = Path(output)
    path = Path(pattern)
    if path.is_file():
        is_file = bool(folder.suffix) and not folder.is_dir() and not output.endswith("/")
        target = folder if is_file else folder / rename_for_format(Path(path.name), form)
        if form not in (check_suffix(target), None):
            raise InputError(f"output is {output}, but format is {form}; leave one of them out")
        tasks = [PhotoTask(path, target)]
    else:
        root, sources = find_photographs(pattern, folder)
        tasks = [
            PhotoTask(s, folder / rename_for_format(s.relative_to(root), form)) for s in sources
        ]
        if folder.exists() and not folder.is_dir():
            raise InputError(f"output is {output}, a file; it must be a folder")
        if folder.resolve() == root.resolve():
            raise InputError(f"output is the folder of the input, {root}; set it to another")
    check_apart(tasks)
    return tasks


def find_photographs(pattern: str, output: Path) -> tuple[Path, list[Path]]:
    """Return the folder that a pattern starts at, and its photographs outside ``output``."""
    path = Path(pattern)
    if path.is_dir():
        root, paths = path, list(path.rglob("*"))
    elif has_magic(pattern):
        root, paths = matching(pattern)
    else:
        raise InputError(f"no file, folder or pattern {pattern}")
    known = (p for p in paths if p.suffix.lower() in SUFFIXES and p.is_file())
    shown = (
        p for p in known if not any(part.startswith(".") for part in p.relative_to(root).parts)
    )
    inner = output.resolve()
    is_inside = inner != root.resolve() and inner.is_relative_to(root.resolve())
    sources = [p for p in shown if not (is_inside and p.resolve().is_relative_to(inner))]
    once = {os.path.realpath(path): path for path in sorted(sources, key=depth, reverse=True)}
    sources = list(once.values())  # links may lead round in a circle
    if not sources:
        raise InputError(f"no photographs ({', '.join(sorted(SUFFIXES))}) in {pattern}")
    return root, sorted(sources)


def depth(path: Path) -> int:
    return len(path.parts)


def rename_for_format(path: Path, form: str | None) -> Path:
    """Return a path with the suffix of a format; it keeps its own if that is of the format."""
    if form is None or SUFFIXES.get(path.suffix.lower()) == form:
        return path
    return path.with_suffix(FORMATS[form][0])


def check_apart(tasks: Sequence[PhotoTask]) -> None:
    """Raise InputError if a result would replace an input, or another result."""
    sources = {os.path.realpath(task.source): task.source for task in tasks}
    targets: dict[str, PhotoTask] = {}
    for task in tasks:
        place = os.path.realpath(task.target)
        if place in sources:
            raise InputError(f"{task.target} is an input too; set output to another place")
        if place in targets:
            other = targets[place].source
            raise InputError(f"{other} and {task.source} would both become {task.target}")
        targets[place] = task


def select_outstanding(tasks: Sequence[PhotoTask], existing: str) -> list[PhotoTask]:
    """Return the tasks to do: all, or with ``existing=skip`` those without a result.

    Raises:
        InputError: if a result exists and ``existing`` is ``refuse``.
    """
    there = dict.fromkeys(task for task in tasks if task.target.exists())
    if there and existing == "refuse":
        first = next(iter(there)).target
        raise InputError(
            f"{len(there)} of {len(tasks)} results are there already, such as {first}; "
            "existing=skip passes over them, existing=overwrite replaces them"
        )
    return [task for task in tasks if task not in there] if existing == "skip" else list(tasks)


def clear_leftovers(tasks: Iterable[PhotoTask]) -> None:
    """Remove what a killed command was writing beside its results."""
    for folder in {task.target.parent for task in tasks if task.target.parent.is_dir()}:
        prefixes = tuple(beside_prefix(w.target.name) for w in tasks if w.target.parent == folder)
        for path in folder.glob(".writing-*"):
            if path.name.startswith(prefixes) and not is_running(path.name.rpartition(".")[2]):
                path.unlink(missing_ok=True)


class Journal:
    """A file in the output folder while an album is coloured, so that the same call can resume.

    Results newer than the file were made by that call.
    """

    def __init__(self, folder: Path, command: Mapping[str, Any]) -> None:
        self.path = folder / JOURNAL
        kept = {name: value for name, value in command.items() if name not in PASSING}
        self.text = json.dumps(kept, sort_keys=True) + "\n"

    def done(self, tasks: Iterable[PhotoTask]) -> set[PhotoTask]:
        """Return the tasks that an interrupted call with the same settings has finished."""
        if not self.is_same():
            return set()
        start = self.path.stat().st_mtime_ns
        return {w for w in tasks if w.target.exists() and w.target.stat().st_mtime_ns >= start}

    def is_same(self) -> bool:
        """Tell whether the file exists and was written by a call with the same settings."""
        try:
            return self.path.read_text() == self.text
        except (OSError, ValueError):
            return False

    def open(self) -> None:
        """Write the file, unless an interrupted call is resumed."""
        if not self.is_same():
            write_text(self.text, self.path)

    def close(self) -> None:
        self.path.unlink(missing_ok=True)


class PhotoStream:
    """Read, predict and write photographs at the same time, in one pool of threads.

    Args:
        colorizer: colours them; each prediction is best made by one thread.
        options: of what is written.
        workers: threads.
    """

    def __init__(self, colorizer: PhotoColorizer, options: WritingOptions, workers: int) -> None:
        self.colorizer = colorizer
        self.options = options
        self.workers = workers
        self.batch = colorizer.model.batch
        self.reading: deque[tuple[PhotoTask, Future[Picture]]] = deque()
        self.predicting: deque[PredictedBatch] = deque()
        self.writing: deque[tuple[PhotoTask, Future[tuple[str, ...]]]] = deque()
        self.pixels: dict[PhotoTask, int] = {}

    def run(self, tasks: Sequence[PhotoTask]) -> Iterator[PhotoResult]:
        """Colour photographs; yield a result as each one is done."""
        todo = deque(tasks)
        with ThreadPoolExecutor(self.workers) as pool, ThreadPoolExecutor(self.workers) as strips:
            try:
                while todo or self.pixels:
                    yield from self.read_ahead(todo, pool)
                    yield from self.predict(pool)
                    yield from self.write_predicted(pool, strips)
                    yield from self.written()
                    self.wait()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def read_ahead(self, todo: deque[PhotoTask], pool: Executor) -> Iterator[PhotoResult]:
        """Start reading photographs while memory allows."""
        limit = self.options.max_pixels
        while todo and len(self.reading) < self.workers + self.batch:
            task = todo[0]
            try:
                image = open_picture(task.source, limit)
            except UnreadableError as error:
                todo.popleft()
                yield PhotoResult(task, error=str(error))
                continue
            count = image.width * image.height
            if self.pixels and sum(self.pixels.values()) + count > IN_FLIGHT:
                return
            todo.popleft()
            self.pixels[task] = count
            self.reading.append((task, pool.submit(read_picture, task.source, limit)))

    def predict(self, pool: Executor) -> Iterator[PhotoResult]:
        """Start predicting the photographs that have been read, in batches."""
        while self.reading and self.reading[0][1].done() and len(self.predicting) < self.workers:
            batch: list[tuple[PhotoTask, Picture]] = []
            while self.reading and self.reading[0][1].done() and len(batch) < self.batch:
                task, read = self.reading.popleft()
                try:
                    batch.append((task, read.result()))
                except FAILURES as error:
                    yield self.ended(task, error=first_line(error))
            lightnesses = [picture.lightness for _, picture in batch]
            predicted = pool.submit(self.colorizer.predict, lightnesses, self.options.hints)
            self.predicting.append(PredictedBatch(batch, predicted))

    def write_predicted(self, pool: Executor, strips: Executor) -> Iterator[PhotoResult]:
        """Start writing the photographs that have been predicted."""
        while self.predicting and self.predicting[0].predicted.done():
            photographs, predicted = self.predicting.popleft()
            try:
                colors = predicted.result()
            except (RuntimeError, MemoryError, InputError) as error:
                for task, _ in photographs:
                    yield self.ended(task, error=first_line(error))
                continue
            for (task, picture), ab in zip(photographs, colors, strict=True):
                self.writing.append((task, pool.submit(self.write, task, picture, ab, strips)))

    def write(
        self, task: PhotoTask, picture: Picture, ab: Floats, strips: Executor
    ) -> tuple[str, ...]:
        """Paint a photograph and write it; return notes."""
        rgb = self.colorizer.paint(picture, ab, picture.bits, strips)
        if self.options.side_by_side:
            rgb, picture = beside_gray(rgb, picture)
        lost = write_picture(rgb, picture, task.target, self.options.quality)
        return picture.notes + lost

    def written(self) -> Iterator[PhotoResult]:
        """Yield the results of photographs that have been written."""
        while self.writing and self.writing[0][1].done():
            task, wrote = self.writing.popleft()
            try:
                yield self.ended(task, notes=wrote.result())
            except FAILURES as error:
                yield self.ended(task, error=first_line(error))

    def ended(self, task: PhotoTask, notes: tuple[str, ...] = (), error: str = "") -> PhotoResult:
        del self.pixels[task]
        return PhotoResult(task, notes, error)

    def wait(self) -> None:
        """Wait until a step of some photograph is done, so that its next step can start."""
        under_way: list[Future[Any]] = [batch.predicted for batch in list(self.predicting)[:1]]
        under_way += [wrote for _, wrote in list(self.writing)[:1]]
        if len(self.predicting) < self.workers:
            under_way += [read for _, read in list(self.reading)[:1]]
        if under_way:
            wait(under_way, return_when=FIRST_COMPLETED)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    text = in_words(error) if isinstance(error, OSError) else str(error)
    return (text.splitlines() or [type(error).__name__])[0]


def beside_gray(rgb: Pixels, picture: Picture) -> tuple[Pixels, Picture]:
    """Put the gray photograph to the left of the coloured one; repeat the alpha channel."""
    gray = paint(picture.lightness, np.zeros((2, 1, 1), np.float32), bits=picture.bits)
    alpha = None if picture.alpha is None else np.hstack([picture.alpha, picture.alpha])
    return np.hstack([gray, rgb]), picture._replace(alpha=alpha)
