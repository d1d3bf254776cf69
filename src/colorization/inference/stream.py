"""Many photographs read, predicted in batches and written at the same time."""

import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np

from colorization.errors import InputError, in_words
from colorization.files.atomic import replacing
from colorization.files.opening import open_picture
from colorization.files.painting import Floats, Pixels, paint
from colorization.files.pictures import SUFFIXES, Picture, UnreadableError, Wanted
from colorization.files.reading import OWN_COLORS, read_colors, read_picture
from colorization.files.restoring import restore_tone
from colorization.files.writing import write_picture
from colorization.hints.file import Hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import PhotoTask

COLORED, TONED, OWN = "coloured", "toned", "own colours"
COPIED = ("jpeg", "png", "webp", "avif")  # which any program shows as they are
FAILURES = (UnreadableError, OSError, MemoryError)  # of one photograph
MANY = 50  # photographs for which loading compiled code pays
IN_FLIGHT = 100_000_000  # pixels of all photographs between reading and writing, if more than one


class WritingOptions(NamedTuple):
    """How photographs are read and written. Hints are only for a single photograph.

    Those that have colours of their own keep them, unless ``recolor``. ``restore`` is ``tone`` for
    those whose lightness is to be stretched. ``model`` is named in the results' metadata.
    """

    quality: int
    side_by_side: bool
    max_pixels: int
    hints: Hints | None = None
    recolor: bool = False
    wanted: Wanted = Wanted()
    restore: str | None = None
    model: str = "unnamed"


class PhotoResult(NamedTuple):
    """A photograph that is done: notes about it, or the reason why it failed.

    ``outcome`` is ``coloured``, ``toned`` (coloured too) or ``own colours``; empty if it failed.
    """

    task: PhotoTask
    notes: tuple[str, ...] = ()
    error: str = ""
    outcome: str = ""


class PredictedBatch(NamedTuple):
    """Photographs that are predicted together, and their future ab."""

    photographs: list[tuple[PhotoTask, Picture]]
    predicted: Future[list[Floats]]


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
        self.writing: deque[tuple[PhotoTask, str, Future[tuple[str, ...]]]] = deque()
        self.pixels: dict[PhotoTask, int] = {}
        self.fused: bool | None = None

    def run(self, tasks: Sequence[PhotoTask]) -> Iterator[PhotoResult]:
        """Colour photographs; yield a result as each one is done."""
        todo = deque(tasks)
        self.fused = True if len(tasks) >= MANY else None
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
            wanted = self.options.wanted._replace(page=task.page)
            try:
                opened = open_picture(task.source, limit, wanted)
            except FAILURES as error:
                todo.popleft()
                yield PhotoResult(task, error=first_line(error))
                continue
            count = opened.width * opened.height
            if self.pixels and sum(self.pixels.values()) + count > IN_FLIGHT:
                return
            todo.popleft()
            self.pixels[task] = count
            self.reading.append((task, pool.submit(self.read, task, wanted)))

    def read(self, task: PhotoTask, wanted: Wanted) -> Picture:
        """Read a photograph; restore it if that is asked for and it is to be coloured."""
        picture = read_picture(task.source, self.options.max_pixels, wanted)
        keeps_colors = picture.tone == "coloured" and not self.options.recolor
        if self.options.restore is None or keeps_colors:
            return picture
        return restore_tone(picture)

    def predict(self, pool: Executor) -> Iterator[PhotoResult]:
        """Start predicting the photographs that have been read, in batches."""
        while self.reading and self.reading[0][1].done() and len(self.predicting) < self.workers:
            batch: list[tuple[PhotoTask, Picture]] = []
            while self.reading and self.reading[0][1].done() and len(batch) < self.batch:
                task, read = self.reading.popleft()
                try:
                    picture = read.result()
                except FAILURES as error:
                    yield self.ended(task, error=first_line(error))
                    continue
                if picture.tone == "coloured" and not self.options.recolor:
                    self.writing.append((task, OWN, pool.submit(self.keep, task, picture)))
                else:
                    batch.append((task, picture))
            if not batch:
                continue
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
                kind = TONED if picture.tone == "toned" else COLORED
                written = pool.submit(self.write, task, picture, ab, strips)
                self.writing.append((task, kind, written))

    def write(
        self, task: PhotoTask, picture: Picture, ab: Floats, strips: Executor
    ) -> tuple[str, ...]:
        """Paint a photograph and write it; return notes."""
        rgb = self.colorizer.paint(picture, ab, picture.bits, strips, self.fused)
        if self.options.side_by_side:
            rgb, picture = beside_gray(rgb, picture)
        lost = write_picture(rgb, picture, task.target, self.options.quality, self.options.model)
        return picture.notes + lost

    def keep(self, task: PhotoTask, picture: Picture) -> tuple[str, ...]:
        """Hand on a picture with its own colours: as it is, or in the format of the result."""
        options = self.options
        form = SUFFIXES[task.target.suffix.lower()]
        wanted = options.wanted._replace(page=task.page)
        own = open_picture(task.source, options.max_pixels, wanted).form
        if own == form and form in COPIED and not options.side_by_side:
            with replacing(task.target) as beside:
                shutil.copyfile(task.source, beside)
            return ()
        rgb = read_colors(task.source, options.max_pixels, wanted)
        notes = tuple(note for note in picture.notes if note != OWN_COLORS)
        if options.side_by_side:
            rgb, picture = beside_gray(rgb, picture)
        return notes + write_picture(rgb, picture, task.target, options.quality)

    def written(self) -> Iterator[PhotoResult]:
        """Yield the results of photographs that have been written."""
        while self.writing and self.writing[0][-1].done():
            task, outcome, wrote = self.writing.popleft()
            try:
                yield self.ended(task, outcome, wrote.result())
            except FAILURES as error:
                yield self.ended(task, error=first_line(error))

    def ended(
        self, task: PhotoTask, outcome: str = "", notes: tuple[str, ...] = (), error: str = ""
    ) -> PhotoResult:
        del self.pixels[task]
        return PhotoResult(task, notes, error, outcome)

    def wait(self) -> None:
        """Wait until a step of some photograph is done, so that its next step can start."""
        under_way: list[Future[Any]] = [batch.predicted for batch in list(self.predicting)[:1]]
        under_way += [wrote for _, _, wrote in list(self.writing)[:1]]
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
