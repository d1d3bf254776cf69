"""Keep a frozen encoder's features, for photographs that come again."""

import errno
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

log = logging.getLogger(__name__)

KEPT_BYTES = 4 * 2**30  # features beyond this go to a file
TOGETHER = 8  # pictures that the encoder sees at once
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FeatureStore:
    """Keeps a frozen encoder's features, by the pixels of each photograph, at half precision.

    On the CPU, those that memory is too small for go to a file without a name, which is gone when
    the process ends, however it ends. The rest is computed anew each time. A flipped photograph is
    another one. The features do not depend on what was kept before, so that a resumed run, which
    starts empty, gives the same.

    Args:
        features_of: computes features (B,...) of scaled L (B,1,H,W).
        folder: for that file; None is no file.
        processes: how many share the folder's disk.
    """

    def __init__(
        self,
        features_of: Callable[[Tensor], list[Tensor]],
        folder: Path | None = None,
        processes: int = 1,
    ) -> None:
        self.features_of = features_of
        self.features: dict[bytes, list[Tensor]] = {}
        self.bytes = 0
        self.folder = folder
        self.processes = processes
        self.file: FeatureFile | None = None
        self.is_full = False

    def __call__(self, x: Tensor) -> list[Tensor]:
        keys = list(hash_pictures(x))
        known = {key: maps for key in keys if (maps := self.find(key))}
        new = [index for index, key in enumerate(keys) if key not in known]
        anew = self.compute(x[new]) if new else ()
        fresh = dict(zip([keys[index] for index in new], anew, strict=True))
        self.keep(fresh)
        found = [fresh.get(key) or known[key] for key in keys]
        # Pictures are drawn without autocast, in single precision.
        return [torch.stack(maps).to(x) for maps in zip(*found, strict=True)]

    def find(self, key: bytes) -> list[Tensor] | None:
        """Return the features of a picture with this hash, or None."""
        return self.features.get(key) or (self.file.read(key) if self.file else None)

    def compute(self, x: Tensor) -> Iterator[list[Tensor]]:
        """Compute each picture's features, bit for bit the same whatever pictures are beside it.

        Kernels round by the size of a batch, so it is always the same.
        """
        for pictures in torch.split(x, TOGETHER):
            missing = TOGETHER - len(pictures)
            padded = F.pad(pictures, (0, 0, 0, 0, 0, 0, 0, missing))
            maps = [halve(features) for features in self.features_of(padded)]
            for place in range(len(pictures)):
                yield [features[place].clone() for features in maps]

    def keep(self, fresh: Mapping[bytes, list[Tensor]]) -> None:
        """Keep new features, in memory until that is full, then in the file."""
        for key, maps in fresh.items():
            size = sum(features.nbytes for features in maps)
            if self.bytes + size <= KEPT_BYTES:
                self.features[key] = maps
                self.bytes += size
                continue
            if not self.is_full:
                self.is_full = True
                log.info("features of %d photographs fill the memory", len(self.features))
                if self.folder and maps[0].device.type == "cpu":
                    self.file = FeatureFile(self.folder, self.processes)
            if self.file:
                self.file.write(key, maps)

    def __deepcopy__(self, memo: object) -> None:
        return None  # a copy of the encoder need not carry them


class FeatureFile:
    """Features in a file without a name below ``folder``, at most half of the free space there.

    Raises:
        OSError: if the folder cannot be written.
    """

    def __init__(self, folder: Path, processes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self.folder = folder
        self.room = shutil.disk_usage(folder).free // (2 * processes)
        self.end = 0
        log.info("more of them go to a file in %s", folder)
        self.places: dict[bytes, tuple[int, torch.dtype, list[torch.Size]]] = {}

    def write(self, key: bytes, maps: list[Tensor]) -> None:
        """Write a picture's features (half precision, on the CPU), or nothing if it is full."""
        if not self.room:
            return
        flat = torch.cat([features.flatten() for features in maps]).view(torch.int16)
        if self.end + flat.nbytes <= self.room and self.append(flat.numpy().tobytes()):
            self.places[key] = self.end, maps[0].dtype, [features.shape for features in maps]
            self.end += flat.nbytes
            return
        self.room = 0
        log.info("features of %d photographs fill the room in %s", len(self.places), self.folder)

    def append(self, content: bytes) -> bool:
        """Write content at the end; False if the disk has no room for it."""
        try:
            self.file.seek(self.end)
            return self.file.write(content) == len(content)
        except OSError as error:
            if error.errno in FULL:
                return False
            raise

    def read(self, key: bytes) -> list[Tensor] | None:
        """Return the features of a picture with this hash, or None."""
        if key not in self.places:
            return None
        start, dtype, shapes = self.places[key]
        sizes = [shape.numel() for shape in shapes]
        self.file.seek(start)
        content = bytearray(self.file.read(sum(sizes) * dtype.itemsize))
        parts = torch.split(torch.frombuffer(content, dtype=dtype), sizes)
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def halve(features: Tensor) -> Tensor:
    """Round to half precision; what autocast computed has it already."""
    if features.dtype == torch.float32:
        largest = torch.finfo(torch.float16).max
        return features.clamp(-largest, largest).half()
    return features


def hash_pictures(x: Tensor) -> Iterator[bytes]:
    """Hash each picture of x (B,1,H,W) in -1..1, rounded to a 10,000th."""
    for picture in (x * 10_000).round().short().cpu():
        pixels = picture.contiguous().numpy()
        yield hashlib.blake2b(str(pixels.shape).encode() + pixels.tobytes()).digest()
