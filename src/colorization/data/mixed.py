"""Several datasets as one."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from colorization.data.datamodule import ImageDataset
from colorization.data.photographs import Images
from colorization.errors import InputError
from colorization.settings.compose import build


class MixedDataset:
    """The photographs of several datasets, each split as it is split alone.

    Args:
        name: of the whole, in tables and folder names.
        size: side in px of the centre square that is used.
        parts: settings of an :class:`ImageDataset` by its name, which photographs' names start
            with.

    Raises:
        InputError: if a part has another size.
    """

    def __init__(self, name: str, size: int, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.name = name
        self.size = size
        self.parts: dict[str, ImageDataset] = {part: build(of) for part, of in parts.items()}
        for part, dataset in self.parts.items():
            if dataset.size != size:
                raise InputError(
                    f"dataset.parts.{part}.size is {dataset.size}, but dataset.size {size}"
                )

    def prepare(self) -> None:
        """Fetch what is missing of each."""
        for dataset in self.parts.values():
            dataset.prepare()

    def load(self, split: str) -> Images:
        """One after the other; errors are theirs."""
        loaded = {part: dataset.load(split) for part, dataset in self.parts.items()}
        names = [f"{part}/{name}" for part, images in loaded.items() for name in images.names]
        return Images(names, torch.cat([images.pixels[:] for images in loaded.values()]))

    def names(self, split: str) -> list[str]:
        """Names of a split, or of ``all`` outside any split."""
        return [
            f"{part}/{name}"
            for part, dataset in self.parts.items()
            for name in dataset.names(split)
        ]

    def read(self, name: str, size: int | None) -> Tensor:
        """One photograph, as its own dataset reads it."""
        part, _, rest = name.partition("/")
        return self.parts[part].read(rest, size)

    def stamp(self, name: str) -> str:
        """That of one photograph, of its own dataset."""
        part, _, rest = name.partition("/")
        return self.parts[part].stamp(rest)
