"""Weights of the networks that metrics look through: a named file, or the usual download."""

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from colorization.errors import InputError
from colorization.files.digest import hash_file

log = logging.getLogger(__name__)

PATIENCE = 20.0  # s without an answer from the server of the weights
WRONG = (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError)
"""What loading raises for no network, no file, and a file of something else."""


class Weights(NamedTuple):
    """The file that weights were read from, and its SHA-256."""

    file: str
    sha256: str


@contextmanager
def find_weights(network: str, name: str, megabytes: int, path: Path | None) -> Iterator[Path]:
    """Let what is inside load weights from a file, or else from PyTorch's folder of downloads.

    Args:
        network: what has the weights, for messages.
        name: of the file that is downloaded.
        path: of the file to take instead; it may have another name.

    Yields:
        The file that holds the weights once they are loaded.

    Raises:
        InputError: if they are neither here nor can be fetched, or the file holds something else.
    """
    previous, home = socket.getdefaulttimeout(), os.environ.get("TORCH_HOME")
    with tempfile.TemporaryDirectory() as folder:
        try:
            if path:  # as if it had been downloaded
                file = Path(folder) / "hub" / "checkpoints" / name
                file.parent.mkdir(parents=True)
                file.symlink_to(path.resolve(strict=True))
                os.environ["TORCH_HOME"] = folder
            else:
                file = Path(torch.hub.get_dir()) / "checkpoints" / name
            if not file.is_file():
                log.info("fetching the weights of %s once (%d MB)", network, megabytes)
            socket.setdefaulttimeout(PATIENCE)
            yield file
        except WRONG as error:
            what = f"{path}: " if path else ""
            raise InputError(f"{what}{network}'s weights cannot be loaded: {error}") from error
        finally:
            socket.setdefaulttimeout(previous)
            os.environ.pop("TORCH_HOME", None)
            os.environ.update({"TORCH_HOME": home} if home is not None else {})


def read_digest(network: str, loaded: Path) -> Weights:
    """Read and log the SHA-256 of the file that a network's weights were loaded from."""
    digest = hash_file(loaded)
    log.info("weights of %s: %s, sha256 %s", network, loaded.resolve(), digest)
    return Weights(str(loaded.resolve()), digest)
