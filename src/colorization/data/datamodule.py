"""Turn a dataset into batches of Lab on the device."""

import hashlib
import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler

from colorization.color import LabBatch, from_uint8, is_near_gray, rgb_to_lab
from colorization.data.batches import (
    BatchShares,
    PixelDataset,
    ResumableLoader,
    Shuffled,
    derive_seed,
)
from colorization.data.cache import Cache, load_split
from colorization.data.photographs import ImageDataset, Images, Pixels, few
from colorization.errors import InputError
from colorization.reports.progress import shown
from colorization.settings.compose import build

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
CHUNK = 64  # pictures converted at a time
GLANCE = 4  # px between the pixels that are looked at where only a message depends on them
SAMPLE = 10_000  # training photographs that a network's start and the baselines are fitted to


class ColorDataModule(pl.LightningDataModule):
    """Decode a dataset once, keep it as uint8, and hand out LabBatch on the device.

    Photographs are augmented in training only. Near-gray photographs have no colour to compare
    with and are left out of val and test; ``near_gray`` names them.

    Args:
        dataset: settings of an :class:`ImageDataset`, with its ``_target_``.
        augmentation: settings of the augmentation, with its ``_target_``.
        batch_size: photographs in a step, of all processes together.
        seed: for the order of the training photographs and the augmentation.
        cache: for splits that are too large for memory; None keeps all in memory.
    """

    def __init__(
        self,
        dataset: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        batch_size: int,
        seed: int,
        cache: Cache | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore="cache")
        self.dataset: ImageDataset = build(dataset)
        self.augmentation = build(augmentation)
        self.batch_size = batch_size
        self.seed = seed
        self.cache = cache
        self.rank, self.processes = 0, 1
        """This process's number, and how many processes train the network."""
        self.images: dict[str, Images] = {}
        self.near_gray: dict[str, list[str]] = {}
        self.train_loader: ResumableLoader | None = None
        self.position: dict[str, Any] | None = None

    def prepare_data(self) -> None:
        self.dataset.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Decode the splits of a stage (``fit``, ``test``; None is both) that are not there yet.

        Raises:
            InputError: if a split has too few photographs, or none that can be scored.
        """
        splits = {"fit": ("train", "val"), "test": ("test",)}.get(stage or "", SPLITS)
        for split in splits:
            if split not in self.images:
                images = self.drop_near_gray(self.load(split), split)
                if len(images.names) < self.processes:
                    raise InputError(
                        f"{self.processes} processes need at least a {split} photograph each; "
                        f"{self.dataset.name} has {len(images.names)}"
                    )
                self.images[split] = images

    def load(self, split: str) -> Images:
        """Decode a split into memory or, if that is too small, into a mapped file."""
        path = None
        bytes_needed = len(self.dataset.names(split)) * 3 * self.dataset.size**2
        if self.cache and bytes_needed > self.cache.limit / self.processes:
            path = self.cache.path(self.hparams["dataset"], split)
        return load_split(self.dataset, split, path)

    def state_dict(self) -> dict[str, Any]:
        """Return the digests of the train and val pictures, and the position in the epoch."""
        position = None if self.train_loader is None else self.train_loader.state_dict()
        return {"seen": self.seen(), "position": position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Lightning's own record of loaders comes too late: a schedule has asked for them before.
        self.position = state_dict.get("position")  # older ones are of whole epochs

    def seen(self) -> list[str]:
        """Return the digests of the train and val pictures, sorted."""
        return sorted(self.images["train"].digests + self.images["val"].digests)

    def fingerprints(self) -> dict[str, str]:
        """Return for each decoded split one digest of all its pictures in their order."""
        return {
            split: hashlib.blake2b(" ".join(images.digests).encode()).hexdigest()[:32]
            for split, images in self.images.items()
        }

    def drop_near_gray(self, images: Images, split: str) -> Images:
        """Leave near-gray photographs out of val and test; log what is left out and why.

        Raises:
            InputError: if none is left.
        """
        is_scored = split != "train"
        is_gray = find_near_gray(images, step=1 if is_scored else GLANCE)
        gray = [name for name, found in zip(images.names, is_gray.tolist(), strict=True) if found]
        listed = len(self.dataset.names(split))
        said = []
        if unusable := listed - len(images.names):
            said.append(f"left out {unusable} that cannot be used")
        if gray:
            what = "left out" if is_scored else "trained on all the same"
            said.append(f"{len(gray)} near-gray {what}: {few(gray)}")
        if said:
            log.info("of %d %s photographs: %s", listed, split, "; ".join(said))
        if is_scored:
            self.near_gray[split] = gray
            images = images.without(is_gray) if gray else images
        if not images.names:
            raise InputError(
                f"every {split} photograph of {self.dataset.name} is near-gray and cannot be "
                f"scored; use photographs in colour, or more of them: dataset.{split} sets how "
                "many, dataset.split_seed which"
            )
        return images

    def listing(self) -> dict[str, dict[str, str | None]]:
        """Return for each split the photographs' names with the digests of train and val.

        The digest is None for a photograph that is left out, and for those of test.
        """
        found = {split: dict.fromkeys(self.dataset.names(split)) for split in SPLITS}
        for split in ("train", "val"):
            images = self.images[split]
            found[split] |= dict(zip(images.names, images.digests, strict=True))
        return found

    def train_dataloader(self) -> ResumableLoader:
        pixels = PixelDataset(self.keep_near(self.images["train"].pixels))
        self.train_loader = ResumableLoader(pixels, self.share_out())
        if self.position:
            self.train_loader.load_state_dict(self.position)
        return self.train_loader

    def share_out(self) -> BatchShares:
        """Return this process's part of every batch of training photographs."""
        order = Shuffled(len(self.images["train"].names), self.seed)
        return BatchShares(order, self.batch_size, self.rank, self.processes)

    def keep_near(self, pixels: Pixels) -> Pixels:
        """Copy training pictures to the GPU, if there is one and they fill half of it at most."""
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if device.type != "cuda" or not len(pixels):
            return pixels
        needed = len(pixels) * pixels[:1].nbytes
        if needed > torch.cuda.mem_get_info(device)[0] / 2:
            return pixels
        return torch.cat(
            [pixels[start : start + CHUNK].to(device) for start in range(0, len(pixels), CHUNK)]
        )

    def names_of_batch(self, index: int) -> list[str]:
        """Return the names of this process's photographs in a batch of this training epoch."""
        assert self.train_loader is not None
        rows = self.train_loader.shares.rows(index)
        return [self.images["train"].names[row] for row in rows]

    def val_dataloader(self) -> DataLoader[Tensor]:
        return self.in_order("val", self.rank, self.processes)

    def test_dataloader(self) -> DataLoader[Tensor]:
        return self.in_order("test", self.rank, self.processes)

    def in_order(self, split: str, rank: int = 0, processes: int = 1) -> DataLoader[Tensor]:
        """Return batches of a split, uint8, in the order of names, or a process's part of them."""
        pixels = PixelDataset(self.images[split].pixels)
        order = SequentialSampler(pixels)
        return ResumableLoader(pixels, BatchShares(order, self.batch_size, rank, processes))

    def lab_batches(self, split: str, most: int | None = None) -> Iterator[LabBatch]:
        """Yield a split's pictures, unaugmented, on the CPU: at most ``most``, evenly spaced.

        None means SAMPLE for train, and all for val and test.
        """
        pixels = PixelDataset(self.images[split].pixels)
        most = most or (SAMPLE if split == "train" else len(pixels))
        step = math.ceil(len(pixels) / most)
        loader = ResumableLoader(pixels, BatchShares(range(0, len(pixels), step), self.batch_size))
        going = shown(loader, f"going through the {split} photographs")
        return (rgb_to_lab(from_uint8(rgb)) for rgb in going)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> LabBatch:
        """Convert uint8 (B,3,H,W) on the device to Lab; augment in the training stage.

        Raises:
            RuntimeError: in a stage that this module does not know.
        """
        rgb = from_uint8(batch)
        trainer = self.trainer
        if trainer is None or not (trainer.training or trainer.evaluating or trainer.predicting):
            raise RuntimeError("cannot tell whether to augment: no trainer, or an unknown stage")
        if trainer.training:
            # By step, so that a resumed run draws what an unbroken one would have drawn.
            torch.manual_seed(derive_seed(self.seed, "step", trainer.global_step, self.rank))
            progress = trainer.global_step / trainer.estimated_stepping_batches
            batch_seen: LabBatch = self.augmentation.age(
                rgb_to_lab(self.augmentation(rgb, progress))
            )
            return batch_seen
        return rgb_to_lab(rgb)


def find_near_gray(images: Images, step: int) -> Tensor:
    """Find pictures without colour, bool (N,), by every ``step``-th pixel down and across.

    With a step above 1 only the first SAMPLE pictures are looked at.
    """
    count = len(images.names)
    found = torch.zeros(count, dtype=torch.bool)
    starts = range(0, count if step == 1 else min(count, SAMPLE), CHUNK)
    for start in shown(starts, "looking for gray"):
        rows = slice(start, start + CHUNK)
        found[rows] = is_near_gray(
            rgb_to_lab(from_uint8(images.pixels[rows][..., ::step, ::step])).ab
        )
    return found
