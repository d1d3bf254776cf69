"""Which photographs are scored: of a dataset or a folder, read in the size of a track."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from src.color import NEAR_GRAY_CHROMA, from_uint8, mean_chroma, rgb_to_lab
from src.config import build, dataset_choices, dataset_settings
from src.data.datamodule import ImageDataset
from src.data.photographs import UnusablePhotographError
from src.errors import InputError
from src.evaluation.models import Model, digest
from src.metrics.auc import CLASSES, class_shares

log = logging.getLogger(__name__)

AHEAD = 8  # photographs read before they are asked for

In = TypeVar("In")
Out = TypeVar("Out")


class Track(NamedTuple):
    """How photographs are looked at: as squares of ``size`` px, or whole (None)."""

    size: int | None

    @property
    def name(self) -> str:
        return "native" if self.size is None else f"own_{self.size}"

    @property
    def title(self) -> str:
        if self.size is None:
            return "native resolution: the whole photograph, predicted ab upsampled bilinearly"
        return f"own size: the centre square, resized to {self.size} px"


class Scored(NamedTuple):
    """A dataset's photographs that are scored, those that are not, and what is true of them.

    ``shares`` has the area of every class of colour in each track, ``mean`` the mean ab (2,),
    ``is_own_size`` whether every photograph is a square of the first track's size already.
    """

    dataset: ImageDataset
    label: str
    names: list[str]
    near_gray: list[str]
    seen: list[str]
    unusable: dict[str, str]
    mean: Tensor
    shares: dict[Track, Tensor]
    is_own_size: bool


def open_dataset(entry: str, models: Sequence[Model], data_dir: str) -> tuple[ImageDataset, str]:
    """A dataset by name, or a folder of photographs by path, and which split of it is scored.

    A dataset that a model was trained on is split as that model's was; all of a folder is scored.

    Raises:
        InputError: if there is no such dataset and no such folder.
    """
    for model in models:
        if model.dataset["name"] == entry:
            return build(model.dataset), "test"
    if entry in dataset_choices():
        return build(dataset_settings(entry, data_dir)), "test"
    if not Path(entry).is_dir():
        known = ", ".join(dataset_choices())
        raise InputError(f"no dataset {entry}: it is none of {known}, and no folder")
    settings: dict[str, Any] = dataset_settings("folder", data_dir, root=entry)
    settings["name"] = Path(entry).resolve().name
    return build(settings), "all"


def survey(
    dataset: ImageDataset,
    split: str,
    label: str,
    tracks: Sequence[Track],
    models: Sequence[Model],
    progress: Callable[[Sequence[str], str], Iterable[str]],
) -> Scored:
    """Go through a dataset once, to tell what can be scored.

    Left out are near-gray photographs, those that a model was trained on, and unusable ones.

    Raises:
        InputError: if nothing is left.
    """
    names, near_gray, seen = [], [], []
    unusable: dict[str, str] = {}
    own = tracks[0].size or models[0].size
    mean = torch.zeros(2, dtype=torch.float64)
    shares = {track: torch.zeros(CLASSES, dtype=torch.float64) for track in tracks}
    is_own_size = True
    sizes = [*{model.size for model in models}, None]

    def read(name: str) -> dict[int | None, Tensor] | str:
        try:
            return {size: dataset.read(name, size) for size in sizes}
        except UnusablePhotographError as error:
            return str(error)

    listed = dataset.names(split)
    for name, pictures in zip(progress(listed, label), ahead(read, listed), strict=True):
        if isinstance(pictures, str):
            log.warning("left out %s: %s", name, pictures)
            unusable[name] = pictures
            continue
        labs = {size: rgb_to_lab(from_uint8(rgb)[None]).ab for size, rgb in pictures.items()}
        if any(digest(pictures[model.size]) in model.training.seen for model in models):
            seen.append(name)
        elif mean_chroma(labs[own]).item() < NEAR_GRAY_CHROMA:
            near_gray.append(name)
        else:
            names.append(name)
            mean += labs[own].double().mean(dim=(0, 2, 3))
            is_own_size &= labs[None].shape == labs[own].shape
            for track in tracks:
                shares[track] += class_shares(labs[track.size])
    if not names:
        raise InputError(
            f"no photograph of {label} can be scored: of {len(listed)}, {len(near_gray)} are "
            f"near-gray, {len(seen)} were trained on, {len(unusable)} cannot be used"
        )
    found = (names, near_gray, seen, unusable)
    return Scored(dataset, label, *found, (mean / len(names)).float(), shares, is_own_size)


def ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """Results in order, worked out in threads a few items before they are asked for."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
