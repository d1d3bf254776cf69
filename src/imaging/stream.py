"""Colour many photographs: read, predict in batches and write, all at a time."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from src.imaging.painting import Floats, Pixels, paint
from src.imaging.pictures import (
    Picture,
    UnreadableError,
    open_picture,
    read_picture,
    write_picture,
)
from src.imaging.work import Work
from src.photo_colorizer import BATCH, PhotoColorizer

IN_FLIGHT = 100_000_000  # pixels of all photographs between reading and writing, if more than one


class Options(NamedTuple):
    """How results are written."""

    quality: int
    side_by_side: bool
    max_pixels: int


class Outcome(NamedTuple):
    """What became of a photograph: notes, or why it failed."""

    work: Work
    notes: tuple[str, ...] = ()
    error: str = ""


class Stream:
    """Photographs on their way.

    Args:
        colorizer: colours them.
        options: of what is written.
        workers: photographs that are read or written at a time.
    """

    def __init__(self, colorizer: PhotoColorizer, options: Options, workers: int) -> None:
        self.colorizer = colorizer
        self.options = options
        self.workers = workers
        self.reading: deque[tuple[Work, int, Future[Picture]]] = deque()
        self.writing: deque[tuple[Work, int, Future[tuple[str, ...]]]] = deque()
        self.pixels = 0

    def run(self, works: Sequence[Work]) -> Iterator[Outcome]:
        """Colour photographs in order, and say of each what became of it."""
        todo = deque(works)
        with ThreadPoolExecutor(self.workers) as pool, ThreadPoolExecutor(self.workers) as strips:
            try:
                while todo or self.reading or self.writing:
                    yield from self.read_ahead(todo, pool)
                    yield from self.predict(pool, strips)
                    yield from self.written()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def read_ahead(self, todo: deque[Work], pool: ThreadPoolExecutor) -> Iterator[Outcome]:
        """Start reading what there is room for."""
        while todo and len(self.reading) < self.workers + BATCH:
            work = todo[0]
            try:
                image = open_picture(work.source, self.options.max_pixels)
            except UnreadableError as error:
                todo.popleft()
                yield Outcome(work, error=str(error))
                continue
            count = image.width * image.height
            if self.pixels and self.pixels + count > IN_FLIGHT:
                return
            todo.popleft()
            self.pixels += count
            future = pool.submit(read_picture, work.source, self.options.max_pixels)
            self.reading.append((work, count, future))

    def predict(self, pool: ThreadPoolExecutor, strips: ThreadPoolExecutor) -> Iterator[Outcome]:
        """Colour the next photograph and those after it that are read by now."""
        batch: list[tuple[Work, int, Picture]] = []
        while self.reading and len(batch) < BATCH and (not batch or self.reading[0][2].done()):
            work, count, future = self.reading.popleft()
            try:
                batch.append((work, count, future.result()))
            except (UnreadableError, OSError, MemoryError) as error:
                self.pixels -= count
                yield Outcome(work, error=str(error) or type(error).__name__)
        predicted = self.colorizer.predict([picture.lightness for _, _, picture in batch])
        for (work, count, picture), ab in zip(batch, predicted, strict=True):
            write = pool.submit(self.write, work, picture, ab, strips)
            self.writing.append((work, count, write))

    def write(
        self, work: Work, picture: Picture, ab: Floats, strips: ThreadPoolExecutor
    ) -> tuple[str, ...]:
        """Paint a photograph and write it; returns notes."""
        rgb = self.colorizer.paint(picture, ab, picture.bits, strips)
        if self.options.side_by_side:
            rgb, picture = beside_gray(rgb, picture)
        lost = write_picture(rgb, picture, work.target, self.options.quality)
        return picture.notes + lost

    def written(self) -> Iterator[Outcome]:
        """What has been written; waits for it where nothing else can be done."""
        while self.writing and (self.writing[0][2].done() or not self.reading):
            work, count, future = self.writing.popleft()
            self.pixels -= count
            try:
                yield Outcome(work, future.result())
            except (UnreadableError, OSError, MemoryError) as error:
                yield Outcome(work, error=str(error) or type(error).__name__)


def beside_gray(rgb: Pixels, picture: Picture) -> tuple[Pixels, Picture]:
    """The gray photograph to the left of the coloured one, and its alpha twice."""
    gray = paint(picture.lightness, np.zeros((2, 1, 1), np.float32), bits=picture.bits)
    alpha = None if picture.alpha is None else np.hstack([picture.alpha, picture.alpha])
    return np.hstack([gray, rgb]), picture._replace(alpha=alpha)
