"""Fetch an archive once; resume, check and unpack it, as a whole or not at all.

pooch, the usual library for this, does not resume a download and sets no limit to its size.
"""

import errno
import hashlib
import os
import shutil
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError

from rich.progress import DownloadColumn, TransferSpeedColumn

from colorization.errors import InputError
from colorization.files.digest import hash_file
from colorization.reports.progress import shown, telling

CHUNK = 1 << 20
Member = TypeVar("Member", zipfile.ZipInfo, tarfile.TarInfo)
TIMEOUT = 30  # s without an answer
OF_NAMES = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL)
"""Errors that come from impossible names in an archive, not from the disk."""
MOST_BYTES = 2 * 10**9  # of a file whose size is not known, and of what an archive holds
MOST_FILES = 100_000  # of an archive
NOTHING_LEFT = 416  # the range asked for lies beyond the file


def fetch(url: str, path: Path, size: int | None = None, sha256: str | None = None) -> None:
    """Download ``url`` to ``path``; resume a broken download.

    An incomplete file is ``path`` with ``.part`` added.

    Raises:
        InputError: if the network or the server refuses, or sends too much, with the place to put
            the file by hand; if size or checksum are wrong.
        OSError: if the disk is full.
    """
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if size is None or not part.exists() or part.stat().st_size < size:
            size = download(url, part, size)
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = f"HTTP {error.code}" if isinstance(error, HTTPError) else str(error)
        if isinstance(error, HTTPError) and error.code == NOTHING_LEFT:
            part.unlink()
            raise InputError(f"{part} was no part of {url}; it was deleted, try again") from error
        raise InputError(
            f"could not fetch {url} ({reason}); get it by other means and put it at {path}"
        ) from error
    except TooLargeError as error:
        part.unlink()
        raise InputError(
            f"{url} sends {error}; it was deleted, get it by other means and put it at {path}"
        ) from error
    check(part, size, sha256)
    part.replace(path)


class TooLargeError(Exception):
    """A file or an archive is larger than is allowed."""


def download(url: str, part: Path, size: int | None) -> int | None:
    """Append what is missing of ``url`` to ``part``; start over if the server cannot resume.

    Returns:
        The size of the whole file: ``size``, or what the server says, or None.

    Raises:
        TooLargeError: for more bytes than ``size``, or than MOST_BYTES if that is not known.
    """
    most = MOST_BYTES if size is None else size
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)
    columns = (DownloadColumn(), TransferSpeedColumn())
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206
        if size is None and answer.length is not None:
            size = answer.length + (have if resumed else 0)
        chunks = iter(lambda: answer.read(CHUNK), b"")
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            for chunk in shown(chunks, f"fetching {part.stem}", size, len, columns, done):
                done += len(chunk)
                if done > most:
                    raise TooLargeError(f"more than {most:,} bytes")
                file.write(chunk)
    return size


def check(path: Path, size: int | None, sha256: str | None) -> None:
    """Check size and digest of a file; delete a wrong one, but keep one that is only too short.

    Raises:
        InputError: saying what is wrong with it.
    """
    wrong = None
    if size is not None and path.stat().st_size != size:
        wrong = f"has {path.stat().st_size} bytes instead of {size}"
        if path.stat().st_size < size:
            raise InputError(f"{path} {wrong}: the download broke off; the same command goes on")
    elif sha256 is not None:
        with telling(lambda: f"checking {path.name}"):
            found = hash_file(path)
        if found != sha256:
            wrong = f"has SHA-256 {found} instead of {sha256}"
    if wrong:
        path.unlink()
        raise InputError(f"{path} {wrong}; it was deleted, try again")


def unpack(archive: Path, folder: str, to: Path, verify: Callable[[Path], object]) -> None:
    """Unpack ``folder``, at any depth in a tar or zip archive, as the folder ``to``.

    It is unpacked beside, verified, and renamed, so that ``to`` is whole or absent.

    Raises:
        InputError: if the archive is damaged, encrypted or too large, reaches outside its folder,
            or fails ``verify``.
        OSError: if the disk is full.
    """
    beside = to.with_name(to.name + ".unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        extract(archive, beside)
        found = beside if not folder else next(p for p in beside.rglob(folder) if p.is_dir())
        verify(found)
        found.replace(to)
    except Exception as error:  # damaged bytes can raise anything
        is_the_disk = isinstance(error, OSError) and error.errno not in OF_NAMES
        if isinstance(error, InputError) or is_the_disk:
            raise
        reason = str(error) or f"there is no {folder} in it"
        raise InputError(
            f"{archive} cannot be unpacked: {reason}; delete it and try again"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def extract(archive: Path, to: Path) -> None:
    """Extract a zip archive, or a tar archive that is not compressed.

    Raises:
        TooLargeError: for more than MOST_FILES or MOST_BYTES.
        Exception: of any kind, for damaged bytes, and members that reach outside.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for member in shown(check_bounds(packed.infolist()), f"unpacking {archive.name}"):
                packed.extract(member, to)
        return
    with tarfile.open(archive, "r:") as packed_tar:
        for entry in shown(check_bounds(packed_tar.getmembers()), f"unpacking {archive.name}"):
            packed_tar.extract(entry, to, filter="data")


def check_bounds(members: Sequence[Member]) -> Sequence[Member]:
    """Return the members of an archive; raise TooLargeError if they are too many or too large."""
    sizes = [m.file_size if isinstance(m, zipfile.ZipInfo) else m.size for m in members]
    if len(sizes) > MOST_FILES or sum(sizes) > MOST_BYTES:
        raise TooLargeError(
            f"{len(sizes):,} files of {sum(sizes):,} bytes are in it, more than "
            f"{MOST_FILES:,} or {MOST_BYTES:,}"
        )
    return members


def digest_of_folder(folder: Path) -> str:
    """Return the SHA-256 of a folder's files: names and contents, in the order of names."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(os.fsencode(path.name) + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
