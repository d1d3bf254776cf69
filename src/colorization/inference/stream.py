"""Colour many photographs: read, predict in batches and write, all at a time."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np

from colorization.errors import InputError, in_words
from colorization.files.painting import Floats, Pixels, paint
from colorization.files.pictures import Picture, UnreadableError
from colorization.files.reading import open_picture, read_picture
from colorization.files.writing import write_picture
from colorization.hints.file import Hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import Work

FAILURES = (UnreadableError, OSError, MemoryError)  # of one photograph
IN_FLIGHT = 100_000_000  # pixels of all photographs between reading and writing, if more than one


class Options(NamedTuple):
    """How results are made and written; with hints, of one photograph."""

    quality: int
    side_by_side: bool
    max_pixels: int
    hints: Hints | None = None


class Outcome(NamedTuple):
    """What became of a photograph: notes, or why it failed."""

    work: Work
    notes: tuple[str, ...] = ()
    error: str = ""


class Batch(NamedTuple):
    """Photographs that are predicted together, and their ab."""

    photographs: list[tuple[Work, Picture]]
    predicted: Future[list[Floats]]


class Stream:
    """Photographs on their way, read, predicted and written by the same threads.

    Args:
        colorizer: colours them; each prediction is best made by one thread.
        options: of what is written.
        workers: threads.
    """

    def __init__(self, colorizer: PhotoColorizer, options: Options, workers: int) -> None:
        self.colorizer = colorizer
        self.options = options
        self.workers = workers
        self.batch = colorizer.model.batch
        self.reading: deque[tuple[Work, Future[Picture]]] = deque()
        self.predicting: deque[Batch] = deque()
        self.writing: deque[tuple[Work, Future[tuple[str, ...]]]] = deque()
        self.pixels: dict[Work, int] = {}

    def run(self, works: Sequence[Work]) -> Iterator[Outcome]:
        """Colour photographs, and say of each what became of it."""
        todo = deque(works)
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

    def read_ahead(self, todo: deque[Work], pool: Executor) -> Iterator[Outcome]:
        """Start reading what there is room for."""
        limit = self.options.max_pixels
        while todo and len(self.reading) < self.workers + self.batch:
            work = todo[0]
            try:
                image = open_picture(work.source, limit)
            except UnreadableError as error:
                todo.popleft()
                yield Outcome(work, error=str(error))
                continue
            count = image.width * image.height
            if self.pixels and sum(self.pixels.values()) + count > IN_FLIGHT:
                return
            todo.popleft()
            self.pixels[work] = count
            self.reading.append((work, pool.submit(read_picture, work.source, limit)))

    def predict(self, pool: Executor) -> Iterator[Outcome]:
        """Start to predict what is read by now, in batches."""
        while self.reading and self.reading[0][1].done() and len(self.predicting) < self.workers:
            batch: list[tuple[Work, Picture]] = []
            while self.reading and self.reading[0][1].done() and len(batch) < self.batch:
                work, read = self.reading.popleft()
                try:
                    batch.append((work, read.result()))
                except FAILURES as error:
                    yield self.ended(work, error=reason(error))
            lightnesses = [picture.lightness for _, picture in batch]
            predicted = pool.submit(self.colorizer.predict, lightnesses, self.options.hints)
            self.predicting.append(Batch(batch, predicted))

    def write_predicted(self, pool: Executor, strips: Executor) -> Iterator[Outcome]:
        """Start to write what is predicted by now."""
        while self.predicting and self.predicting[0].predicted.done():
            photographs, predicted = self.predicting.popleft()
            try:
                colors = predicted.result()
            except (RuntimeError, MemoryError, InputError) as error:
                for work, _ in photographs:
                    yield self.ended(work, error=reason(error))
                continue
            for (work, picture), ab in zip(photographs, colors, strict=True):
                self.writing.append((work, pool.submit(self.write, work, picture, ab, strips)))

    def write(self, work: Work, picture: Picture, ab: Floats, strips: Executor) -> tuple[str, ...]:
        """Paint a photograph and write it; returns notes."""
        rgb = self.colorizer.paint(picture, ab, picture.bits, strips)
        if self.options.side_by_side:
            rgb, picture = beside_gray(rgb, picture)
        lost = write_picture(rgb, picture, work.target, self.options.quality)
        return picture.notes + lost

    def written(self) -> Iterator[Outcome]:
        """What has been written by now."""
        while self.writing and self.writing[0][1].done():
            work, wrote = self.writing.popleft()
            try:
                yield self.ended(work, notes=wrote.result())
            except FAILURES as error:
                yield self.ended(work, error=reason(error))

    def ended(self, work: Work, notes: tuple[str, ...] = (), error: str = "") -> Outcome:
        del self.pixels[work]
        return Outcome(work, notes, error)

    def wait(self) -> None:
        """Until something that can be gone on with is done."""
        under_way: list[Future[Any]] = [batch.predicted for batch in list(self.predicting)[:1]]
        under_way += [wrote for _, wrote in list(self.writing)[:1]]
        if len(self.predicting) < self.workers:
            under_way += [read for _, read in list(self.reading)[:1]]
        if under_way:
            wait(under_way, return_when=FIRST_COMPLETED)


def reason(error: BaseException) -> str:
    """The first line of what an error says."""
    text = in_words(error) if isinstance(error, OSError) else str(error)
    return (text.splitlines() or [type(error).__name__])[0]


def beside_gray(rgb: Pixels, picture: Picture) -> tuple[Pixels, Picture]:
    """The gray photograph to the left of the coloured one, and its alpha twice."""
    gray = paint(picture.lightness, np.zeros((2, 1, 1), np.float32), bits=picture.bits)
    alpha = None if picture.alpha is None else np.hstack([picture.alpha, picture.alpha])
    return np.hstack([gray, rgb]), picture._replace(alpha=alpha)
