"""A folder of photographs as shards to stream from: ``python -m src.shards input=A output=B``."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import hydra
import psutil
from omegaconf import DictConfig
from torch import Tensor

from src import command
from src.config import CONF, checked
from src.data.folders import PhotographFolder
from src.data.photographs import (
    UnusablePhotographError,
    ahead,
    check_usable,
    digest,
    progress,
    warn_of_unusable,
)
from src.data.shards import INDEX, VERSION, litdata
from src.errors import InputError
from src.files import beside_prefix, check_room, write_text
from src.processes import cores
from src.schemas.commands import WriteShards

SHARD = 2**26  # bytes
SPLITS = ("train", "val", "test")


@command.interruptible()
def write_shards(settings: WriteShards) -> Path:
    """Split a folder as ``dataset=folder`` does, and write the photographs' squares into shards.

    They are written beside and renamed: the output is whole or not there.

    Raises:
        InputError: for an output that is there already, or too small a disk; for a folder that
            cannot be used or split.
    """
    output = Path(settings.output)
    if output.exists():
        raise InputError(f"{output} is there already; remove it, or set output to another")
    photographs = PhotographFolder(
        name="shards",
        root=settings.input,
        **{name: getattr(settings, name) for name in (*SPLITS, "size", "split_seed", "max_pixels")},
    )
    photographs.prepare()
    remove_unfinished(output)
    count = sum(len(photographs.names(split)) for split in SPLITS)
    check_room(output.parent, count * 3 * settings.size**2, "set output to another disk")
    beside = output.with_name(f"{beside_prefix(output.name)}{os.getpid()}")
    try:
        splits = {split: write_split(photographs, split, beside / split) for split in SPLITS}
        index = {"version": VERSION, "size": settings.size, "splits": splits}
        write_text(json.dumps(index), beside / INDEX)
        beside.rename(output)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output)) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return output


def remove_unfinished(output: Path) -> None:
    """Remove what processes that were killed have left beside an output."""
    output.parent.mkdir(parents=True, exist_ok=True)
    prefix = beside_prefix(output.name)
    for path in output.parent.iterdir():
        process = path.name.removeprefix(prefix)
        if process != path.name and not psutil.pid_exists(int(process)):
            shutil.rmtree(path)


def write_split(photographs: PhotographFolder, split: str, folder: Path) -> dict[str, Any]:
    """Write one split; returns names and digests in the order written, and the files' sizes.

    Training photographs are mixed, so that each shard is a sample of them all.
    """
    names = photographs.names(split)
    if split == "train":
        names = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())

    def read(name: str) -> tuple[Tensor, str] | UnusablePhotographError:
        try:
            rgb = photographs.read(name, photographs.size)
            return rgb, digest(rgb)
        except UnusablePhotographError as error:
            return error

    writer = litdata().streaming.Cache(str(folder), chunk_bytes=SHARD)
    digests: dict[str, str] = {}
    unusable: dict[str, str] = {}
    pictures = ahead(read, names, depth=2 * cores())
    for name, found in zip(names, progress(pictures, len(names)), strict=True):
        if isinstance(found, UnusablePhotographError):
            unusable[name] = str(found)
        else:
            writer[len(digests)] = found[0]
            digests[name] = found[1]
    warn_of_unusable(unusable, len(names))
    check_usable(len(digests), len(names), split, photographs.root)
    writer.done()
    writer.merge()
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return {"names": list(digests), "digests": list(digests.values()), "files": files}


@hydra.main(version_base="1.3", config_path=CONF, config_name="shards")
def main(config: DictConfig) -> None:
    with command.one_line_errors():
        print(f"written: {write_shards(checked(config))}")


if __name__ == "__main__":
    command.run(main, WriteShards)
