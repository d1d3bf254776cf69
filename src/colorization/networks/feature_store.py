"""Keep a frozen encoder's features, for photographs that come again."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

log = logging.getLogger(__name__)

KEPT_BYTES = 4 * 2**30  # features beyond this are computed anew each time
TOGETHER = 8  # pictures that the encoder sees at once


class FeatureStore:
    """Keeps a frozen encoder's features in memory, by the pixels of each photograph.

    A flipped photograph is another one. The features do not depend on what was kept before, so
    that a resumed run, which starts empty, gives the same.
    """

    def __init__(self, features_of: Callable[[Tensor], list[Tensor]]) -> None:
        self.features_of = features_of
        self.features: dict[bytes, list[Tensor]] = {}
        self.bytes = 0
        self.is_full = False

    def __call__(self, x: Tensor) -> list[Tensor]:
        keys = list(hash_pictures(x))
        new = [index for index, key in enumerate(keys) if key not in self.features]
        anew = self.compute(x[new]) if new else ()
        fresh = dict(zip([keys[index] for index in new], anew, strict=True))
        found = [fresh.get(key) or self.features[key] for key in keys]
        self.keep(fresh)
        # Features kept under autocast have half precision; pictures are drawn without autocast.
        return [torch.stack(maps).to(x.dtype) for maps in zip(*found, strict=True)]

    def compute(self, x: Tensor) -> Iterator[list[Tensor]]:
        """Compute each picture's features, bit for bit the same whatever pictures are beside it.

        Kernels round by the size of a batch, so it is always the same.
        """
        for pictures in torch.split(x, TOGETHER):
            missing = TOGETHER - len(pictures)
            maps = self.features_of(F.pad(pictures, (0, 0, 0, 0, 0, 0, 0, missing)))
            for place in range(len(pictures)):
                yield [features[place].clone() for features in maps]

    def keep(self, fresh: Mapping[bytes, list[Tensor]]) -> None:
        """Keep new features until the memory for them is full."""
        for key, maps in fresh.items():
            size = sum(features.nbytes for features in maps)
            if self.bytes + size > KEPT_BYTES:
                if not self.is_full:
                    log.info("features of %d photographs fill the memory", len(self.features))
                self.is_full = True
                return
            self.features[key] = maps
            self.bytes += size

    def __deepcopy__(self, memo: object) -> None:
        return None  # a copy of the encoder need not carry them


def hash_pictures(x: Tensor) -> Iterator[bytes]:
    """Hash each picture of x (B,1,H,W) in -1..1, rounded to a 10,000th."""
    for picture in (x * 10_000).round().short().cpu():
        pixels = picture.contiguous().numpy()
        yield hashlib.blake2b(str(pixels.shape).encode() + pixels.tobytes()).digest()
