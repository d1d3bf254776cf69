"""Write whole files or none, beside, then renamed; and folders that one process writes to."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from glob import glob
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from colorization.errors import InputError

BESIDE = ".writing-"
LOCK = ".lock"
"""Name of the lock of a folder."""
FOREVER = -1
LOOK = 0.2  # s that others who look may take
POLL = 0.01  # s
GB = 1e9
NO_ROOM = 2**20  # bytes; libraries that meet a full disk do not all say so


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; it takes ``path``'s place if no error is raised.

    It may become a file, or a folder if there is none at ``path``.

    Raises:
        OSError: naming ``path``, if it cannot be written; those of other files stay as they are.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{beside_prefix(path.name)}{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    except Exception as error:
        number = getattr(error, "errno", None)
        is_other = str(getattr(error, "filename", None) or beside) != str(beside)
        if number is None and shutil.disk_usage(path.parent).free < NO_ROOM:
            number = errno.ENOSPC
        if number is None or is_other or isinstance(error, InputError):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out before long work whether a file can be written after it.

    Raises:
        OSError: naming ``path``, if it cannot.
    """
    beside = path.with_name(f"{beside_prefix(path.name)}{os.getpid()}")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def beside_prefix(name: str) -> str:
    """What the names start with that a file of this name is written under; the process follows."""
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return f"{BESIDE}{digest}."


def remove_half_written(folder: Path) -> None:
    """Remove what a killed process was writing, anywhere in a folder that no other writes to."""
    for path in folder.rglob(f"{BESIDE}*"):
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, seconds: float = 0) -> Iterator[bool]:
    """Whether a file of this name locks others out for now; its lock ends with the process.

    Args:
        path: of the lock; its folder is made.
        seconds: to wait for another process that has it, or FOREVER.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ours:
        try:
            ours.enter_context(FileLock(path, timeout=seconds))
        except Timeout:
            yield False
            return
        ours.enter_context(FileLock(shown(path), poll_interval=POLL))  # waits for one who looks
        yield True


def held(folder: Path, seconds: float = 0) -> AbstractContextManager[bool]:
    """Whether a folder is this process's alone for now, as :func:`locked`."""
    return locked(folder / LOCK, seconds)


def shown(path: Path) -> Path:
    """The lock that is held beside a lock, for others to try: they never take the lock itself."""
    return path.with_name(f"{path.stem}-shown{path.suffix}")


def is_free(path: Path) -> bool:
    """Look whether nobody has a lock, without taking it; a look writes nothing where there is none.

    Several may look at once: each waits a moment for the others.
    """
    if not shown(path).exists():
        return True
    try:
        with FileLock(shown(path), timeout=LOOK, poll_interval=POLL):
            return True
    except Timeout:
        return False


def matching(pattern: str) -> tuple[Path, list[Path]]:
    """Return the folder that a glob pattern starts at, and the files that it stands for.

    The names of existing folders may contain brackets.
    """
    path = Path(pattern)
    if path.exists():
        return path, [path]
    root = next(place for place in path.parents if place.exists())
    rest = str(path.relative_to(root))
    return root, [root / name for name in glob(rest, root_dir=root, recursive=True)]


def open_text(path: Path) -> IO[str]:
    """Open a file to write UTF-8; what a file name on some disk holds beyond it is escaped."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def write_text(text: str, path: Path) -> None:
    with replacing(path) as beside, open_text(beside) as file:
        file.write(text)


def check_room(folder: Path, needed: float, advice: str) -> None:
    """Raise InputError, with what to do, unless a folder's disk has so many bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{needed / GB:.1f} GB more are needed in {folder}, where {free / GB:.1f} are free; "
            f"{advice}"
        )
