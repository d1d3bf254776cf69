"""Photographs in shards of litdata, streamed for training: more than one disk has room for."""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from src.data.photographs import Images
from src.errors import InputError

INDEX = "shards.json"
VERSION = 1  # of the index
ONE_BY_ONE: dict[str, Any] = {"batch_decode": 0}  # its default copies 256 pictures to give one
AGAIN = "copy it again, or write the shards anew with python -m src.shards"


def litdata() -> ModuleType:
    """The library that writes and reads shards; it is not to ask the network for newer versions.

    Raises:
        InputError: if it is not installed.
    """
    os.environ.setdefault("LITDATA_DISABLE_VERSION_CHECK", "1")
    try:
        import litdata
        import litdata.streaming
    except ImportError as error:
        raise InputError(f"shards need {error.name}: pip install -e '.[stream]'") from error
    warnings.filterwarnings("ignore", "The given buffer is not writable", module="litdata")
    logging.getLogger("litdata").setLevel(logging.WARNING)
    module: ModuleType = litdata
    return module


class ShardPixels:
    """The pictures of one split, uint8 (N,3,S,S), which stay on disk."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = str(folder)
        self.count = count
        self.lock = Lock()

    @cached_property
    def items(self) -> Any:
        return litdata().StreamingDataset(self.folder, **ONE_BY_ONE)

    def __len__(self) -> int:
        return self.count  # the library's is that of one process of several

    def __getitem__(self, rows: Any, /) -> Tensor:
        with self.lock:
            if isinstance(rows, int):
                return torch.clone(self.items[rows])
            numbers = range(len(self))[rows] if isinstance(rows, slice) else rows
            return torch.stack([self.items[int(number)] for number in numbers])

    def stream(self, batch_size: int, seed: int, processes: int = 1) -> "ShardLoader":
        """Batches of all, shard after shard; their order, and that within them, is of an epoch.

        Each process of a distributed training gets its own part, all as many: what does not go
        round is left out of the epoch.

        Args:
            batch_size: of all processes together.

        Raises:
            InputError: if the processes cannot share a batch evenly.
        """
        size, rest = divmod(batch_size, processes)
        if rest:
            raise InputError(
                f"data.batch_size is {batch_size}; of a stream, the {processes} processes can only "
                "share a multiple of their number"
            )
        items = litdata().StreamingDataset(
            self.folder, shuffle=True, seed=seed, item_shuffle_window="full", **ONE_BY_ONE
        )
        loader = litdata().StreamingDataLoader(items, batch_size=size, collate_fn=torch.stack)
        return ShardLoader(loader, EqualShares(len(items), size, processes))


class EqualShares(NamedTuple):
    """What a process has of every batch of a stream: as much as any other.

    Attributes:
        total: photographs of this process.
        size: of its part of a batch.
    """

    total: int
    size: int
    processes: int

    def count(self, step: int) -> int:
        """Size of a batch, over all processes."""
        return min(self.size, self.total - step * self.size) * self.processes

    def weight(self, step: int) -> float:
        """What turns a mean over this process's part into its share of a mean over processes."""
        return 1.0


class ShardLoader:
    """litdata's loader, which counts the epochs itself, for Lightning.

    It resumes until an epoch has been asked for more than its last batch; Lightning never asks.
    """

    def __init__(self, loader: Any, shares: EqualShares) -> None:
        self.loader = loader
        self.shares = shares
        self.is_resumed = False

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.is_resumed:
            self.loader.restore = False
        self.is_resumed = False
        yield from self.loader

    def state_dict(self) -> dict[str, Any]:
        """Where in which epoch it is."""
        state: dict[str, Any] = self.loader.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the batch after the last one given, also where the shards have been moved."""
        here = self.state_dict()["dataset"]["input_dir_path"]
        dataset = {**state["dataset"], "input_dir_path": here}
        self.loader.load_state_dict({**state, "dataset": dataset})
        self.is_resumed = True


class Shards:
    """What ``python -m src.shards`` has written: train is streamed, val and test are loaded.

    Args:
        name: of the dataset, in tables and folder names.
        root: folder of the shards.
        size: side in px of the pictures in them.
    """

    def __init__(self, name: str, root: str, size: int) -> None:
        self.name = name
        self.root = Path(root)
        self.size = size

    @cached_property
    def splits(self) -> Mapping[str, Mapping[str, Any]]:
        """By split: names and digests of the pictures, and sizes of the files."""
        path = self.root / INDEX
        if not path.is_file():
            raise InputError(f"no shards in {self.root}: it has no {INDEX}; set dataset.root")
        try:
            index = json.loads(path.read_text())
            version, size, splits = index["version"], index["size"], dict(index["splits"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged; {AGAIN}") from error
        if version != VERSION:
            raise InputError(f"{path} is of version {version}, not {VERSION}; {AGAIN}")
        if size != self.size:
            raise InputError(f"the shards in {self.root} are of {size} px; set dataset.size={size}")
        return splits

    def prepare(self) -> None:
        """Make sure that every shard is there as it was written.

        Raises:
            InputError: naming one that is not.
        """
        litdata()
        for split, holds in self.splits.items():
            for file, size in holds["files"].items():
                path = self.root / split / file
                if not path.is_file():
                    raise InputError(f"{path} is missing; {AGAIN}")
                if (found := path.stat().st_size) != size:
                    raise InputError(f"{path} has {found} bytes instead of {size}; {AGAIN}")

    def load(self, split: str) -> Images:
        """The pictures of ``train``, left where they are, or of ``val`` or ``test``."""
        holds = self.splits[split]
        pixels = self.pixels(split)
        return Images(holds["names"], pixels if split == "train" else pixels[:], holds["digests"])

    def pixels(self, split: str) -> ShardPixels:
        return ShardPixels(self.root / split, len(self.splits[split]["names"]))

    def names(self, split: str) -> list[str]:
        """Names of the pictures of a split, or of ``all``."""
        chosen = self.splits if split == "all" else [split]
        return [name for each in chosen for name in self.splits[each]["names"]]

    @cached_property
    def places(self) -> dict[str, tuple[ShardPixels, int, str]]:
        """By name: where the picture is, and its digest."""
        return {
            name: (pixels, row, digest)
            for split, holds in self.splits.items()
            for pixels in [self.pixels(split)]
            for row, (name, digest) in enumerate(zip(holds["names"], holds["digests"], strict=True))
        }

    def read(self, name: str, size: int | None) -> Tensor:
        """One picture, at its own size or, resized, at another."""
        pixels, row, _ = self.places[name]
        rgb = pixels[row]
        if size in (None, self.size):
            return rgb
        resized = F.interpolate(rgb[None].float(), (size, size), mode="bilinear", antialias=True)
        return resized[0].round().clamp(0, 255).byte()

    def stamp(self, name: str) -> str:
        """Its digest."""
        return self.places[name][2]
