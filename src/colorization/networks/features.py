"""What a frozen encoder has seen, kept in memory."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

log = logging.getLogger(__name__)

KEPT_BYTES = 4 * 2**30  # features beyond this are worked out anew each time
TOGETHER = 8  # pictures that the encoder sees at once


class FeatureStore:
    """A frozen encoder's features by photograph, in memory.

    Photographs are told apart by their pixels, so that a flipped one is one of its own. What is
    given does not depend on what was kept before, as a resumed run has kept nothing.
    """

    def __init__(self, features_of: Callable[[Tensor], list[Tensor]]) -> None:
        self.features_of = features_of
        self.features: dict[bytes, list[Tensor]] = {}
        self.bytes = 0
        self.is_full = False

    def __call__(self, x: Tensor) -> list[Tensor]:
        keys = list(fingerprints(x))
        new = [index for index, key in enumerate(keys) if key not in self.features]
        anew = self.anew(x[new]) if new else ()
        fresh = dict(zip([keys[index] for index in new], anew, strict=True))
        found = [fresh.get(key) or self.features[key] for key in keys]
        self.keep(fresh)
        # Kept in half precision, they are asked for where pictures are drawn, outside of autocast.
        return [torch.stack(maps).to(x.dtype) for maps in zip(*found, strict=True)]

    def anew(self, x: Tensor) -> Iterator[list[Tensor]]:
        """Features of each picture, bit for bit the same whichever and however many others are new.

        Kernels round by the size of a batch, which is therefore always the same.
        """
        for pictures in torch.split(x, TOGETHER):
            missing = TOGETHER - len(pictures)
            maps = self.features_of(F.pad(pictures, (0, 0, 0, 0, 0, 0, 0, missing)))
            for place in range(len(pictures)):
                yield [features[place].clone() for features in maps]

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
