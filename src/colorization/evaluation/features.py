"""Features of folders of pictures for FID and KID, kept in a file so that a call can go on."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from colorization.evaluation.rows import TRUTH
from colorization.metrics.realism import FEATURES, Inception, Realism

log = logging.getLogger(__name__)

AT_ONCE = 512  # photographs' features read at a time
SEED = 0  # of the subsets that KID draws


class FeatureFile:
    """Features (photographs, rows, 2048) in a NumPy file; NaN where a row lacks a picture.

    Args:
        path: of the file; one that fits is gone on with.
        keys: of the photographs.
        rows: names of the predictions; the truth comes before them.
        inception: the network.
        metrics: ``fid``, ``kid``, or both.
    """

    def __init__(
        self,
        path: Path,
        keys: Sequence[str],
        rows: Sequence[str],
        inception: Inception,
        metrics: Sequence[str],
    ) -> None:
        self.places = {key: place for place, key in enumerate(keys)}
        self.rows = [TRUTH, *rows]
        self.inception = inception
        self.metrics = list(metrics)
        shape = (len(keys), len(self.rows), FEATURES)
        try:
            self.values = np.lib.format.open_memmap(path, "r+")
            is_same = self.values.shape == shape and self.values.dtype == np.float32
        except (OSError, ValueError):
            is_same = False
        if not is_same:
            path.unlink(missing_ok=True)
            self.values = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            self.values[:] = np.nan

    def has(self, key: str) -> bool:
        """Whether a photograph's features are there."""
        return not np.isnan(self.values[self.places[key], 0, 0])

    def add(self, key: str, pictures: Mapping[str, Tensor]) -> None:
        """Compute the features of pictures, uint8 (1,3,H,W) of one size, by row, the truth too."""
        found = self.inception(torch.cat(list(pictures.values()))).cpu().numpy()
        place = self.values[self.places[key]]
        place[:] = np.nan
        # The truth last: it says that all are there.
        for row, features in reversed(list(zip(pictures, found, strict=True))):
            place[self.rows.index(row)] = features

    def measure(self, row: str, keys: Sequence[str]) -> dict[str, float]:
        """Measure the distance of a row's pictures of photographs from the true ones."""
        log.info("%s of %s", " and ".join(self.metrics).upper(), row)
        realism = Realism(self.metrics)
        places = [self.places[key] for key in keys]
        column = self.rows.index(row)
        for start in range(0, len(places), AT_ONCE):
            values = self.values[places[start : start + AT_ONCE]]
            realism.update(torch.from_numpy(values[:, column]), torch.from_numpy(values[:, 0]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return realism.compute(len(keys))
