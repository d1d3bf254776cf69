"""Which photographs are scored: of a dataset or a folder, read in the size of a track."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from colorization.color import LabBatch, from_uint8, is_near_gray, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.data.photographs import (
    ImageDataset,
    UnusablePhotographError,
    digest,
    read_ahead,
)
from colorization.errors import InputError
from colorization.evaluation.models import Model
from colorization.files.arrays import picture_from
from colorization.files.painting import FULL, Lightness, paint
from colorization.metrics.auc import CLASSES, class_shares
from colorization.models.checkpoints import resolve_dataset
from colorization.reports.progress import shown
from colorization.settings.compose import build, dataset_choices, dataset_settings

log = logging.getLogger(__name__)


class Track(NamedTuple):
    """How photographs are looked at: as squares of ``size`` px, or whole (None)."""

    size: int | None

    @property
    def name(self) -> str:
        return "native" if self.size is None else f"own_{self.size}"

    @property
    def title(self) -> str:
        if self.size is None:
            return "native resolution: the whole photograph, coloured as src.colorize does"
        return f"own size: the centre square, resized to {self.size} px"

    def truth(self, rgb: Tensor) -> LabBatch:
        """Photographs, uint8 (B,3,H,W), in CIE units; whole ones with L as colouring reads it."""
        truth = rgb_to_lab(from_uint8(rgb))
        if self.size is not None:
            return truth
        arrays = rgb.permute(0, 2, 3, 1).cpu().numpy()
        lightness = np.stack([picture_from(array).lightness for array in arrays])
        L = torch.from_numpy(lightness.astype(np.float32) * np.float32(100 / FULL))
        return LabBatch(L[:, None].to(rgb.device), truth.ab)

    def shown(self, L: Tensor, ab: Tensor) -> Tensor:
        """L and predicted ab as uint8 sRGB (B,3,H,W); whole photographs as colouring paints."""
        if self.size is not None:
            return to_uint8(lab_to_rgb(L, ab))
        parts = zip(lightnesses_of(L), ab.cpu().numpy(), strict=True)
        painted = np.stack([paint(lightness, colors) for lightness, colors in parts])
        return torch.from_numpy(painted).permute(0, 3, 1, 2).to(L.device)


def lightnesses_of(L: Tensor) -> list[Lightness]:
    """L (B,1,H,W) as colouring takes it."""
    return list(np.rint(L[:, 0].cpu().numpy() * np.float32(FULL / 100)).astype(np.uint16))


class Entry(NamedTuple):
    """A dataset by its name in the report, and the split of it that is scored."""

    label: str
    dataset: ImageDataset
    split: str


def open_datasets(
    wanted: Sequence[str] | None, models: Sequence[Model], data_dir: str
) -> list[Entry]:
    """Datasets by name, or folders of photographs by path; None is what the models learned from.

    A folder that only a model names is not read.

    A dataset that a model was trained on is split as the first such model's was; all of a folder
    is scored.

    Raises:
        InputError: if there is no such dataset and no such folder; for a folder not named here.
    """
    if wanted is None:
        trained = {model.training.name: model for model in models}
        entries = [trained_on(name, model, data_dir) for name, model in trained.items()]
    else:
        entries = [open_dataset(label, models, data_dir) for label in dict.fromkeys(wanted)]
    for entry in entries:
        entry.dataset.prepare()
    return entries


def open_dataset(label: str, models: Sequence[Model], data_dir: str) -> Entry:
    for model in models:
        if model.dataset["name"] == label:
            return trained_on(label, model, data_dir)
    if label in dataset_choices():
        return Entry(label, build(dataset_settings(label, data_dir)), "test")
    if not Path(label).is_dir():
        known = ", ".join(dataset_choices())
        raise InputError(f"no dataset {label}: it is none of {known}, and no folder")
    return Entry(label, build(dataset_settings("folder", data_dir, root=label)), "all")


def trained_on(label: str, model: Model, data_dir: str) -> Entry:
    """What a model was trained on; errors are those of :func:`resolve_dataset`."""
    try:
        return Entry(label, build(resolve_dataset(model.dataset, data_dir)), "test")
    except InputError as error:
        raise InputError(f"{model.path}: {error}") from error


class Scored:
    """A dataset's photographs that are scored, those that are not, and what is true of them.

    Left out are near-gray photographs, those that a model was trained on, and unusable ones.
    In each track, ``shares`` has the area of every class of colour. ``native_is_own`` says that the
    photographs are squares of the first track's size already, so that there is no native track of
    its own.
    """

    def __init__(self, entry: Entry, tracks: Sequence[Track], models: Sequence[Model]) -> None:
        self.label = entry.label
        self.dataset = entry.dataset
        self.tracks = tracks
        self.models = models
        self.own = tracks[0].size or models[0].size
        self.sizes: set[int | None] = {model.size for model in models}
        self.sizes |= {track.size for track in tracks}
        self.names: list[str] = []
        self.near_gray: list[str] = []
        self.seen: list[str] = []
        self.unusable: dict[str, str] = {}
        self.total = {track: torch.zeros(2, dtype=torch.float64) for track in tracks}
        self.shares = {track: torch.zeros(CLASSES, dtype=torch.float64) for track in tracks}
        self.native_is_own = len(tracks) == 2 and len(self.sizes) == 2 and None in self.sizes

    def mean(self, track: Track) -> Tensor:
        """Mean ab (2,) over photographs."""
        return (self.total[track] / len(self.names)).float()

    def take(self, name: str, pictures: Mapping[int | None, Tensor]) -> None:
        """Sort a photograph, uint8 (3,H,W) by size, and take note of its colours."""
        if any(digest(pictures[model.size]) in model.training.seen for model in self.models):
            self.seen.append(name)
            return
        ab = {size: rgb_to_lab(from_uint8(rgb)[None]).ab for size, rgb in pictures.items()}
        if is_near_gray(ab[self.own]).item():
            self.near_gray.append(name)
            return
        self.names.append(name)
        if self.native_is_own:
            self.native_is_own = pictures[None].shape == pictures[self.own].shape
        for track in self.tracks:
            self.total[track] += ab[track.size].double().mean(dim=(0, 2, 3))
            self.shares[track] += class_shares(ab[track.size])


def survey(
    entry: Entry,
    tracks: Sequence[Track],
    models: Sequence[Model],
) -> Scored:
    """Go through a dataset once, to tell what can be scored.

    Raises:
        InputError: if nothing is left to be scored.
    """
    scored = Scored(entry, tracks, models)
    listed = entry.dataset.names(entry.split)

    def read(name: str) -> dict[int | None, Tensor] | str:
        try:
            return {size: entry.dataset.read(name, size) for size in scored.sizes}
        except UnusablePhotographError as error:
            return str(error)

    for name, found in zip(shown(listed, entry.label), read_ahead(read, listed), strict=True):
        if isinstance(found, str):
            log.warning("left out %s: %s", name, found)
            scored.unusable[name] = found
        else:
            scored.take(name, found)
    if not scored.names:
        raise InputError(
            f"no photograph of {entry.label} can be scored: of {len(listed)}, "
            f"{len(scored.near_gray)} are near-gray, {len(scored.seen)} were trained on, "
            f"{len(scored.unusable)} cannot be used"
        )
    return scored
