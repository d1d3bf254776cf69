"""What a frozen encoder has seen, kept in memory."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

log = logging.getLogger(__name__)

KEPT_BYTES = 4 * 2**30  # features beyond this are worked out anew each time


class FeatureStore:
    """A frozen encoder's features by photograph, in memory.

    Photographs are told apart by their pixels, so that a flipped one is one of its own.
    """

    def __init__(self, features_of: Callable[[Tensor], list[Tensor]]) -> None:
        self.features_of = features_of
        self.features: dict[bytes, list[Tensor]] = {}
        self.bytes = 0
        self.is_full = False

    def __call__(self, x: Tensor) -> list[Tensor]:
        keys = list(fingerprints(x))
        new = [index for index, key in enumerate(keys) if key not in self.features]
        fresh: dict[bytes, list[Tensor]] = {}
        if new:
            maps = self.features_of(x[new])
            for place, index in enumerate(new):
                fresh[keys[index]] = [features[place].clone() for features in maps]
        found = [fresh.get(key) or self.features[key] for key in keys]
        self.keep(fresh)
        # Kept in half precision, they are asked for where pictures are drawn, outside of autocast.
        return [torch.stack(maps).to(x.dtype) for maps in zip(*found, strict=True)]

    def keep(self, fresh: Mapping[bytes, list[Tensor]]) -> None:
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


def fingerprints(x: Tensor) -> Iterator[bytes]:
    """Of every picture of x (B,1,H,W) in -1..1; a change of less than a 10,000th may go unseen."""
    for picture in (x * 10_000).round().short().cpu():
        pixels = picture.contiguous().numpy()
        yield hashlib.blake2b(str(pixels.shape).encode() + pixels.tobytes()).digest()
