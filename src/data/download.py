"""Fetch an archive once: resumed, checked, and unpacked as a whole or not at all."""

import hashlib
import os
import shutil
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

from rich.progress import DownloadColumn, TransferSpeedColumn

from src.errors import InputError
from src.progress import shown, telling

CHUNK = 1 << 20
TIMEOUT = 30  # s without an answer
NOTHING_LEFT = 416  # the range asked for lies beyond the file


def fetch(url: str, path: Path, size: int | None = None, sha256: str | None = None) -> None:
    """Download ``url`` to ``path``, going on where a broken download stopped.

    What has arrived is kept beside, as ``path`` with ``.part`` added, until it is whole.

    Raises:
        InputError: if the network or the server refuses, with the place to put the file by hand;
            if size or checksum are wrong.
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
    check(part, size, sha256)
    part.replace(path)


def download(url: str, part: Path, size: int | None) -> int | None:
    """Append what is missing of ``url`` to ``part``; start over if the server cannot resume.

    Returns:
        The size that the whole file should have, as far as it or the server is known to say.
    """
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
                file.write(chunk)
    return size


def check(path: Path, size: int | None, sha256: str | None) -> None:
    """Delete a file that is not what it should be.

    Raises:
        InputError: saying what is wrong with it.
    """
    wrong = None
    if size is not None and path.stat().st_size != size:
        wrong = f"has {path.stat().st_size} bytes instead of {size}"
        if path.stat().st_size < size:
            raise InputError(f"{path} {wrong}: the download broke off; the same command goes on")
    elif sha256 is not None:
        with path.open("rb") as file, telling(lambda: f"checking {path.name}"):
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            wrong = f"has SHA-256 {found} instead of {sha256}"
    if wrong:
        path.unlink()
        raise InputError(f"{path} {wrong}; it was deleted, try again")


def unpack(archive: Path, folder: str, to: Path, verify: Callable[[Path], object]) -> None:
    """Unpack what lies in ``folder`` of a tar or zip archive, at any depth, as the folder ``to``.

    It is unpacked beside, verified, and renamed, so that ``to`` is whole or absent.

    Raises:
        InputError: if the archive is damaged, reaches outside its folder, or fails ``verify``.
    """
    beside = to.with_name(to.name + ".unpacking")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        extract(archive, beside)
        found = beside if not folder else next(p for p in beside.rglob(folder) if p.is_dir())
        verify(found)
        found.replace(to)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, StopIteration) as error:
        reason = str(error) or f"there is no {folder} in it"
        raise InputError(
            f"{archive} cannot be unpacked: {reason}; delete it and try again"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def extract(archive: Path, to: Path) -> None:
    """Extract a tar or zip archive; members that reach outside are refused."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for member in shown(packed.namelist(), f"unpacking {archive.name}"):
                packed.extract(member, to)
        return
    with tarfile.open(archive) as packed_tar:
        for entry in shown(packed_tar.getmembers(), f"unpacking {archive.name}"):
            packed_tar.extract(entry, to, filter="data")


def digest_of_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, in the order of their names."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(os.fsencode(path.name) + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
