"""Colour photographs of any size: predict ab at the network's size, keep the own lightness."""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorization.errors import InputError
from colorization.files.arrays import as_given, picture_from
from colorization.files.painting import Floats, Lightness, Pixels, paint, shrink
from colorization.files.pictures import Picture
from colorization.hints.file import Hints, check_fits, draw_hints
from colorization.models.backends import ColorModel, load_model
from colorization.models.registry import DEFAULT
from colorization.settings.commands import ACCELERATOR, PRECISION, PROCESSES, SATURATION
from colorization.settings.fields import SEEN_SIZE, TEMPERATURE, check
from colorization.settings.machine import cores

if TYPE_CHECKING:
    from colorization.inference.reference import Reference

Given = TypeVar("Given", Image.Image, NDArray[Any])
TILES = 16  # in a batch
BATCH_PIXELS = 8 * 128 * 192  # of the small photographs that are predicted at once


class PhotoColorizer:
    """Colours photographs with a model, at their own resolution and with their own lightness.

    Args:
        model: what predicts; see :meth:`load`.
        size: px, the shorter side of what the network sees; None is the model's own.
        saturation: factor of predicted a and b; hints keep their colours.
        tiles: whether a larger ``size`` is seen in overlapping squares of the model's own.

    Raises:
        InputError: for a size or saturation out of its limits.
    """

    def __init__(
        self,
        model: ColorModel,
        size: int | None = None,
        saturation: float = 1,
        tiles: bool = False,
    ) -> None:
        if size is not None and not isinstance(size, int):
            raise InputError(f"size is {size}; it must be a whole number of px, or None")
        check("size", size, SEEN_SIZE)
        check("saturation", saturation, SATURATION)
        self.model = model
        self.size = size or int(model.about["size"])
        self.saturation = saturation
        self.tile = int(model.about["size"]) if tiles else None
        self.reference: Reference | None = None

    def set_reference(self, path: Path | None) -> None:
        """Guide the colours from now on by a coloured photograph; None is by none.

        Raises:
            InputError: if it cannot be read, or the model is an ONNX file.
        """
        if path is None:
            self.reference = None
            return
        from colorization.inference.reference import Reference  # PyTorch, where needed

        self.reference = Reference(path, self.model)

    @classmethod
    def load(
        cls,
        model: str = DEFAULT,
        *,
        device: str = "auto",
        precision: str = "auto",
        size: int | None = None,
        saturation: float = 1,
        tiles: bool = False,
        flip_average: bool | None = None,
        temperature: float | None = None,
        threads: int | None = None,
    ) -> "PhotoColorizer":
        """Load a model.

        Args:
            model: name of one that is shipped, or path of a checkpoint, bundle or ONNX file.
            device: ``auto``, ``cpu`` or ``gpu``.
            precision: ``auto`` (half where that is quick), ``32-true``, ``bf16-mixed`` or
                ``16-mixed``.
            size, saturation, tiles: see :class:`PhotoColorizer`.
            flip_average: whether a photograph's mirror image is averaged in; None is as trained.
            temperature: of models that predict colour bins, None is as trained.
            threads: of the CPU that one prediction takes; None is all. PyTorch has one such number
                for the whole process.

        Raises:
            InputError: a ``ValueError`` that says what cannot be read, built or run.
        """
        check("temperature", temperature, TEMPERATURE)
        check("threads", threads, PROCESSES)
        check("device", device, ACCELERATOR)
        check("precision", precision, PRECISION)
        opened = load_model(model, device, precision, flip_average, temperature, threads)
        return cls(opened, size, saturation, tiles)

    def colorize(self, image: Given, hints: Hints | None = None) -> Given:
        """Colour an image; its own colours are ignored.

        Args:
            image: a Pillow image of any mode but F; or an array (H,W) or (H,W,C) of sRGB with 1 to
                4 channels (gray, gray and alpha, RGB, RGB and alpha), uint8 in 0..255, uint16 in
                0..65535 or float in 0..1.
            hints: colours that are known.

        Returns:
            The same kind: an image of mode RGB or RGBA, or an array (H,W,3), (H,W,4) with alpha, of
            the same type. A 16-bit Pillow image comes back with 8 bits, for Pillow has no other.

        Raises:
            InputError: a ``ValueError``, for any other image, for hints of one of another size, or
                with an ONNX file.
        """
        (colored,) = self.colorize_all([image], hints)
        return colored

    def colorize_all(self, images: Iterable[Given], hints: Hints | None = None) -> list[Given]:
        """Colour images, in batches of one shape; types and errors are those of :meth:`colorize`.

        Hints are taken for each of them.
        """
        given = list(images)
        pictures = [picture_from(image) for image in given]
        predicted = self.predict([picture.lightness for picture in pictures], hints)
        colored: list[Any] = []
        with ThreadPoolExecutor(cores()) as threads:
            for image, picture, ab in zip(given, pictures, predicted, strict=True):
                is_pillow = isinstance(image, Image.Image)
                bits = 8 if is_pillow else picture.bits
                rgb = self.paint(picture, ab, bits, threads)
                alpha = picture.alpha
                if alpha is not None and is_pillow and picture.bits == 16:
                    alpha = (alpha // 257).astype(np.uint8)
                colored.append(as_given(rgb, alpha, image))
        return colored

    def seen(self, lightness: Lightness, hints: Hints | None = None) -> Floats:
        """Prepare a photograph for the model: L (1,1,h,w), or with hints beside it (1,4,h,w).

        Raises:
            InputError: for hints of another photograph, or for an ONNX file.
        """
        L = shrink(lightness, self.size)
        if hints is None:
            return L[None, None]
        if not self.model.takes_hints:
            raise InputError("an ONNX file takes no hints; set model to a checkpoint or bundle")
        check_fits(hints, lightness.shape)
        return np.concatenate([L[None], draw_hints(hints, L.shape)])[None]

    def predict(self, lightnesses: Sequence[Lightness], hints: Hints | None = None) -> list[Floats]:
        """Predict ab (2,h,w), CIE units, for each lightness (H,W), at the size the network sees."""
        small = [self.seen(lightness, hints) for lightness in lightnesses]
        if self.reference:
            small = [self.reference.add_hints(x) for x in small]
        model = partial(self.model.predict, saturation=self.saturation)
        if self.tile:
            return [predict_in_tiles(model, x, self.tile)[0] for x in small]
        shapes: dict[tuple[int, ...], list[int]] = {}
        for index, x in enumerate(small):
            shapes.setdefault(x.shape, []).append(index)
        found: dict[int, Floats] = {}
        for indices in shapes.values():
            fitting = BATCH_PIXELS // math.prod(small[indices[0]].shape)
            at_once = max(1, min(self.model.batch, fitting))
            for start in range(0, len(indices), at_once):
                part = indices[start : start + at_once]
                ab = model(np.concatenate([small[index] for index in part]))
                found |= dict(zip(part, ab, strict=True))
        return [found[index] for index in range(len(small))]

    def paint(
        self,
        picture: Picture,
        ab: Floats,
        bits: int,
        threads: Executor | None = None,
        fused: bool | None = None,
    ) -> Pixels:
        """Paint a picture with predicted ab (2,h,w); return sRGB (H,W,3) of ``bits`` a channel."""
        return paint(picture.lightness, ab, bits, threads, fused)


def predict_in_tiles(predict: Callable[[Floats], Floats], x: Floats, tile: int) -> Floats:
    """Predict ab (1,2,h,w) from (1,C,h,w) in squares of ``tile`` px that overlap by half.

    Each square counts most in its middle, so that no seam shows. A picture that is narrower than
    a square is taken at its own width.
    """
    height, width = x.shape[-2:]
    high, wide = min(tile, height), min(tile, width)
    places = [(top, left) for top in tile_starts(height, high) for left in tile_starts(width, wide)]
    weight = np.outer(tile_weights(high), tile_weights(wide))
    total = np.zeros((2, height, width), np.float32)
    weights = np.zeros((height, width), np.float32)
    for first in range(0, len(places), TILES):
        batch = places[first : first + TILES]
        squares = [x[0, :, top : top + high, left : left + wide] for top, left in batch]
        for (top, left), ab in zip(batch, predict(np.stack(squares)), strict=True):
            part = (slice(top, top + high), slice(left, left + wide))
            total[:, *part] += ab * weight
            weights[part] += weight
    return (total / weights)[None]


def tile_starts(side: int, tile: int) -> list[int]:
    """Return the first pixels of tiles that overlap by half; the last tile ends at the border."""
    return [*range(0, side - tile, max(1, tile // 2)), side - tile]


def tile_weights(length: int) -> Floats:
    """Return weights that fall from 1 in the middle of a tile towards both ends, never 0."""
    place = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.minimum(place, 1 - place) * 2
