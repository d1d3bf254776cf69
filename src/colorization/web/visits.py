"""Limit the memory and disk space that all visits together use; drop the oldest first."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorization.errors import InputError
from colorization.web.session import Session

KEPT = 3600  # s: how long a visitor's files and photograph are kept
MOST = 300  # visits at a time, however small their photographs
MB = 10**6
PROGRAM = 1500 * MB  # bytes of memory: the libraries, a model, pages that are under way
FILM = 600 * MB  # bytes of memory of the film that is under way: its frames, and the encoder
PIXEL = 24  # bytes of memory of one that is read, coloured or written; one picture is at a time
NOTHING = "choose a photograph or an example first"
DROPPED = "your photograph was put away to make room for others; choose it again"


def estimate_memory(max_memory: int, max_pixels: int) -> int:
    """Return the largest memory of the page's process in bytes, which it prints at its start.

    Args:
        max_memory: bytes, of the photographs of all visits.
        max_pixels: of one photograph.
    """
    return PROGRAM + FILM + PIXEL * max_pixels + max_memory


class Visits:
    """The sessions of all visitors, by the page's name of the visit.

    Args:
        memory: bytes that the photographs of all visits may take.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.sessions: OrderedDict[str, tuple[float, Session]] = OrderedDict()
        self.dropped: deque[str] = deque(maxlen=10 * MOST)
        self.lock = threading.Lock()

    def find(self, visit: str) -> Session:
        """Return a visitor's session.

        Raises:
            InputError: if there is none, or it was dropped.
        """
        with self.lock:
            if visit in self.sessions:
                return self.sessions[visit][1]
            raise InputError(DROPPED if visit in self.dropped else NOTHING)

    def keep(self, visit: str, session: Session) -> None:
        """Keep a visitor's session as the newest; drop the oldest ones that leave no room.

        Raises:
            InputError: if it alone is over the limit; the previous session is kept.
        """
        if session.memory > self.memory:
            raise InputError(
                f"{session.name} needs {session.memory // MB} MB; this page keeps no more than "
                f"{self.memory // MB} MB (max_memory)"
            )
        with self.lock:
            self.sessions[visit] = time.monotonic(), session
            self.sessions.move_to_end(visit)
            while len(self.sessions) > MOST or self.taken() > self.memory:
                self.drop_oldest()

    def drop_old(self) -> None:
        """Drop the sessions that have not been used for an hour."""
        with self.lock:
            while self.sessions and self.oldest() < time.monotonic() - KEPT:
                self.drop_oldest()

    def taken(self) -> int:
        return sum(session.memory for _, session in self.sessions.values())

    def oldest(self) -> float:
        return next(iter(self.sessions.values()))[0]

    def drop_oldest(self) -> None:
        self.dropped.append(self.sessions.popitem(last=False)[0])


class Shelf:
    """A folder for the files of all visits, limited in size.

    Args:
        folder: in which there is nothing else.
        most: bytes.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder.resolve()
        self.most = most
        self.reserved = 0
        self.lock = threading.Lock()

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Reserve room for a file while it is written; remove the oldest files for it.

        Raises:
            InputError: if it does not fit, also beside what others are writing now.
        """
        with self.lock:
            if self.reserved + size > self.most:
                raise InputError(
                    f"{size / MB:.0f} MB more do not fit on this page's disk now "
                    f"(max_disk={self.most // MB}); try again later"
                )
            self.reserved += size
            self.tidy()
        try:
            yield
        finally:
            with self.lock:
                self.reserved -= size

    def drop_old(self) -> None:
        """Remove files older than an hour."""
        with self.lock:
            self.tidy()

    def tidy(self) -> None:
        """Remove files older than an hour, then the oldest ones until there is room."""
        found = sorted((path.stat().st_mtime, path) for path in self.folder.rglob("*"))
        sizes = {path: path.stat().st_size for _, path in found if path.is_file()}
        total, end = sum(sizes.values()) + self.reserved, time.time() - KEPT
        for modified, path in found:
            if path in sizes and (modified < end or total > self.most):
                path.unlink(missing_ok=True)
                total -= sizes[path]
            elif path not in sizes and modified < end and not any(path.iterdir()):
                path.rmdir()
