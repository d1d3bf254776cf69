"""Find the photographs that are scored, and read them in the size of a track."""

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
from colorization.evaluation.models import EvaluatedModel, list_training_sets
from colorization.files.arrays import picture_from
from colorization.files.painting import FULL, Lightness, paint
from colorization.metrics.auc import CLASSES, class_shares
from colorization.models.checkpoints import resolve_dataset
from colorization.reports.progress import shown
from colorization.settings.compose import build, dataset_choices, dataset_settings

log = logging.getLogger(__name__)


class Track(NamedTuple):
    """A way to look at photographs: as squares of ``size`` px, or whole (None)."""

    size: int | None

    @property
    def name(self) -> str:
        return "native" if self.size is None else f"own_{self.size}"

    @property
    def title(self) -> str:
        if self.size is None:
            return "native resolution: the whole photograph, coloured as src.colorize does"
        return f"own size: the centre square, resized to {self.size} px"

    def to_lab(self, rgb: Tensor) -> LabBatch:
        """Convert uint8 (B,3,H,W) to CIE units; L of whole photographs is that of colouring."""
        lab = rgb_to_lab(from_uint8(rgb))
        return lab if self.size is not None else LabBatch(read_lightness(rgb), lab.ab)

    def show(self, L: Tensor, ab: Tensor) -> Tensor:
        """Convert L and ab to uint8 sRGB (B,3,H,W); whole photographs as colouring paints them."""
        if self.size is not None:
            return to_uint8(lab_to_rgb(L, ab))
        parts = zip(to_lightnesses(L), ab.cpu().numpy(), strict=True)
        painted = np.stack([paint(lightness, colors) for lightness, colors in parts])
        return torch.from_numpy(painted).permute(0, 3, 1, 2).to(L.device)


def read_lightness(rgb: Tensor) -> Tensor:
    """Read L (B,1,H,W) in 0..100 of uint8 (B,3,H,W) as colouring does, in 16 bits."""
    arrays = rgb.permute(0, 2, 3, 1).cpu().numpy()
    lightness = np.stack([picture_from(array).lightness for array in arrays])
    L = torch.from_numpy(lightness.astype(np.float32) * np.float32(100 / FULL))
    return L[:, None].to(rgb.device)


def to_lightnesses(L: Tensor) -> list[Lightness]:
    """Convert L (B,1,H,W) to the integers that colouring takes."""
    return list(np.rint(L[:, 0].cpu().numpy() * np.float32(FULL / 100)).astype(np.uint16))


class DatasetSplit(NamedTuple):
    """A dataset, its name in the report, and the split of it that is scored."""

    label: str
    dataset: ImageDataset
    split: str


def open_datasets(
    named: Sequence[str] | None, models: Sequence[EvaluatedModel], data_dir: str
) -> list[DatasetSplit]:
    """Open datasets by name and folders of photographs by path, ready to read.

    A dataset that a model was trained on is split as the first such model's was; all of a folder
    is scored. None opens the datasets that the models were trained on.

    Raises:
        InputError: for a name that is no dataset and no folder, and for a folder that only a
            checkpoint names, which is not read.
    """
    if named is None:
        trained = list_training_sets(models)
        if not trained:
            raise InputError("a bundle does not know where its photographs are; set datasets")
        opened = [open_training_set(name, model, data_dir) for name, model in trained.items()]
    else:
        opened = [open_dataset(label, models, data_dir) for label in dict.fromkeys(named)]
    for split in opened:
        split.dataset.prepare()
        if not split.dataset.names(split.split):
            raise InputError(f"no photographs in {split.label}")
    return opened


def open_dataset(label: str, models: Sequence[EvaluatedModel], data_dir: str) -> DatasetSplit:
    for model in models:
        if model.dataset and model.dataset["name"] == label:
            return open_training_set(label, model, data_dir)
    if label in dataset_choices():
        return DatasetSplit(label, build(dataset_settings(label, data_dir)), "test")
    if not Path(label).is_dir():
        known = ", ".join(dataset_choices())
        raise InputError(f"no dataset {label}: it is none of {known}, and no folder")
    return DatasetSplit(label, build(dataset_settings("folder", data_dir, root=label)), "all")


def open_training_set(label: str, model: EvaluatedModel, data_dir: str) -> DatasetSplit:
    """Open what a checkpoint was trained on; errors are those of :func:`resolve_dataset`."""
    assert model.dataset
    try:
        return DatasetSplit(label, build(resolve_dataset(model.dataset, data_dir)), "test")
    except InputError as error:
        raise InputError(f"{model.path}: {error}") from error


class ScoredPhotographs:
    """The photographs of a dataset that are scored, those left out, and sums over their colours.

    Left out are near-gray photographs, those that a model was trained on, and unusable ones.
    ``shares`` has the area of every class of colour in each track. With ``native_is_own`` all
    photographs are squares of the first track's size already, and the native track is the same.
    """

    def __init__(
        self, split: DatasetSplit, tracks: Sequence[Track], models: Sequence[EvaluatedModel]
    ) -> None:
        self.label = split.label
        self.dataset = split.dataset
        self.tracks = tracks
        self.models = models
        self.own = tracks[0].size or models[0].size
        self.sizes: set[int | None] = {*(m.size for m in models), *(t.size for t in tracks)}
        self.names: list[str] = []
        self.near_gray: list[str] = []
        self.seen: list[str] = []
        self.unusable: dict[str, str] = {}
        self.total = {track: torch.zeros(2, dtype=torch.float64) for track in tracks}
        self.shares = {track: torch.zeros(CLASSES, dtype=torch.float64) for track in tracks}
        self.native_is_own = len(tracks) == 2 and len(self.sizes) == 2 and None in self.sizes

    def mean_ab(self, track: Track) -> Tensor:
        """Return the mean ab (2,) over photographs."""
        return (self.total[track] / len(self.names)).float()

    def add(self, name: str, pictures: Mapping[int | None, Tensor]) -> None:
        """Sort a photograph, uint8 (3,H,W) by size, and add its colours to the sums."""
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


def survey_dataset(
    split: DatasetSplit, tracks: Sequence[Track], models: Sequence[EvaluatedModel]
) -> ScoredPhotographs:
    """Read every photograph of a split once, to decide which are scored.

    Raises:
        InputError: if none is left to be scored.
    """
    photographs = ScoredPhotographs(split, tracks, models)
    listed = split.dataset.names(split.split)

    def read(name: str) -> dict[int | None, Tensor] | str:
        try:
            return {size: split.dataset.read(name, size) for size in photographs.sizes}
        except UnusablePhotographError as error:
            return str(error)

    for name, found in zip(shown(listed, split.label), read_ahead(read, listed), strict=True):
        if isinstance(found, str):
            log.warning("left out %s: %s", name, found)
            photographs.unusable[name] = found
        else:
            photographs.add(name, found)
    if not photographs.names:
        raise InputError(
            f"no photograph of {split.label} can be scored: of {len(listed)}, "
            f"{len(photographs.near_gray)} are near-gray, {len(photographs.seen)} were trained "
            f"on, {len(photographs.unusable)} cannot be used"
        )
    return photographs
