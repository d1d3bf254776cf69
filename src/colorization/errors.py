"""What a user can put right: shown as one line, without a traceback."""

import errno
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

INTERRUPTED = 130  # a command's status, as shells have it
ANOTHER = "set another path"
REFUSED = ("the permissions do not allow this", f"change them, or {ANOTHER}")
FULL = ("the disk is full", f"free some room, or {ANOTHER}")
CAUSES = {  # of the operating system's errors: in words, and what helps
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.EACCES: REFUSED,
    errno.EPERM: REFUSED,
    errno.EROFS: ("the disk cannot be written to", ANOTHER),
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: ("the file would be larger than is allowed there", ANOTHER),
    errno.EISDIR: ("this is a folder where a file is needed", ANOTHER),
    errno.EEXIST: ("this is there already", f"remove it, or {ANOTHER}"),
    errno.ENAMETOOLONG: ("the name is too long", "set a shorter one"),
    errno.EMFILE: ("too many files are open", "raise the limit with ulimit -n"),
    errno.EIO: ("the disk cannot be read or written", f"check the disk, or {ANOTHER}"),
}


class InputError(ValueError):
    """A setting, file or folder is not usable; the message says what, where, and what to do."""


class ToldElsewhereError(InputError):
    """What another process of the same run tells the user."""


def in_words(error: OSError) -> str:
    """Name the file of an operating system's error, the cause, and what to do."""
    if error.errno is None:
        return str(error)
    if error.filename is None:
        cause, remedy = CAUSES.get(error.errno, (error.strerror, ""))
        return f"{cause}; {remedy}".removesuffix("; ")
    path = Path(str(error.filename))
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        for place in (path, *path.parents):
            if place.is_file():
                return f"{place}: this is a file where a folder is needed; remove it, or {ANOTHER}"
    cause, remedy = CAUSES.get(error.errno, (error.strerror, "check the path and its disk"))
    return f"{path}: {cause}; {remedy}"


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal's handler: end as by Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def goes_on() -> Iterator[None]:
    """Say on Ctrl-C that the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        log.warning("interrupted; run the same command again to go on")
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM, and Lightning's own way out of Ctrl-C, as Ctrl-C."""
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGTERM, previous)
