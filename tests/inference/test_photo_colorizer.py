"""The library's door: kinds of images, batches, settings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorization import PhotoColorizer
from colorization.errors import InputError
from colorization.files.painting import Floats
from colorization.inference.photo_colorizer import predict_in_tiles

GRAY = np.linspace(20, 230, 40 * 64).reshape(40, 64).astype(np.uint8)


class Blue:
    """A model that sees blue everywhere, and what it was asked."""

    about = {"size": 32}  # noqa: RUF012
    batch = 11

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def predict(self, L: Floats, saturation: float = 1) -> Floats:
        self.asked.append(L.shape)
        blue = np.float32([5, -30])[:, None, None] * np.float32(saturation)
        return np.broadcast_to(blue, (len(L), 2, *L.shape[2:])).copy()


def test_images_come_back_as_their_own_kind_and_blue() -> None:
    colorizer = PhotoColorizer(Blue())
    array = colorizer.colorize(GRAY)
    assert array.dtype == np.uint8
    assert (array[..., 2].astype(int) - array[..., 0] > 15).all()
    image = colorizer.colorize(Image.fromarray(GRAY))
    assert isinstance(image, Image.Image)
    assert (np.asarray(image) == array).all()
    wide = colorizer.colorize(GRAY.astype(np.uint16) * 257)
    assert np.abs(wide / 257 - array).max() < 1
    floats = colorizer.colorize(GRAY / np.float32(255))
    assert floats.dtype == np.float32
    assert np.abs(floats * 255 - array).max() < 1
    deep = Image.fromarray(GRAY.astype(np.uint16) * 257)
    assert colorizer.colorize(deep).mode == "RGB"


def test_alpha_is_kept() -> None:
    both = np.dstack([GRAY, GRAY[::-1]])
    found = PhotoColorizer(Blue()).colorize(both)
    assert (found[..., 3] == GRAY[::-1]).all()
    image = PhotoColorizer(Blue()).colorize(Image.fromarray(both))
    assert image.mode == "RGBA"


def test_photographs_of_one_shape_go_together_in_their_own_order() -> None:
    blue = Blue()
    images: list[Any] = [GRAY, GRAY.T, GRAY // 2, *[GRAY] * 9]
    found = PhotoColorizer(blue).colorize_all(images)
    assert [image.shape[:2] for image in found] == [image.shape for image in images]
    assert (found[2] != found[0]).any()
    assert (found[3] == found[0]).all()
    assert sorted(blue.asked) == [(1, 1, 51, 32), (11, 1, 32, 51)]
    blue.asked.clear()
    PhotoColorizer(blue, size=400).colorize_all([GRAY, GRAY])
    assert blue.asked == 2 * [(1, 1, 400, 640)], "no more at once than memory is meant for"


def test_size_saturation_and_tiles() -> None:
    blue = Blue()
    pale = PhotoColorizer(blue, saturation=0.1).colorize(GRAY).astype(int)
    vivid = PhotoColorizer(blue).colorize(GRAY).astype(int)
    assert np.ptp(pale, axis=2).mean() < 0.3 * np.ptp(vivid, axis=2).mean()
    blue.asked.clear()
    PhotoColorizer(blue, size=80).colorize(GRAY)
    assert blue.asked == [(1, 1, 80, 128)]
    blue.asked.clear()
    tiled = PhotoColorizer(blue, size=80, tiles=True).colorize(GRAY)
    assert {shape[2:] for shape in blue.asked} == {(32, 32)}
    assert np.abs(tiled - vivid).max() <= 1


def test_nothing_is_fine() -> None:
    assert PhotoColorizer(Blue()).colorize_all([]) == []


def test_checkpoint_is_loaded_and_errors_are_value_errors(checkpoint: Path) -> None:
    found = PhotoColorizer.load(str(checkpoint), device="cpu", flip_average=True).colorize(GRAY)
    assert found.shape == (40, 64, 3)
    for words, message in (
        ({"model": "nobody"}, "no model nobody"),
        (
            {"model": str(checkpoint), "temperature": 0},
            "temperature is 0; it must be at least 0.0",
        ),
        ({"model": str(checkpoint), "temperature": 1}, "temperature is of colour bins"),
        ({"device": "cuda"}, "device is 'cuda'; it must be one of: auto, cpu, gpu"),
        ({"precision": "half"}, "precision is 'half'; it must be one of"),
        ({"size": 0}, "size is 0; it must be at least 16"),
        ({"size": 64.5}, "size is 64.5; it must be a whole number of px, or None"),
        ({"saturation": float("nan")}, "saturation is nan; it must be at least 0"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            PhotoColorizer.load(**words)
    with pytest.raises(InputError, match="this image cannot be coloured"):
        PhotoColorizer(Blue()).colorize(np.zeros((3, 3), bool))


@pytest.mark.parametrize("shape", [(64, 64), (100, 64), (33, 250), (20, 90), (65, 66)])
def test_a_pointwise_prediction_comes_back_as_it_is(shape: tuple[int, int]) -> None:
    sizes = set()

    def predict(L: Floats) -> Floats:
        sizes.add(L.shape[2:])
        return np.concatenate([L, -L], axis=1)

    L = np.random.default_rng(0).random((1, 1, *shape), dtype=np.float32) * 100
    ab = predict_in_tiles(predict, L, 64)
    np.testing.assert_allclose(ab[0], [L[0, 0], -L[0, 0]], atol=1e-4)
    assert sizes == {(min(64, shape[0]), min(64, shape[1]))}


def test_tiles_blend_without_a_step() -> None:
    count = iter(range(100))

    def predict(L: Floats) -> Floats:  # every tile has another colour
        return np.stack([np.full((2, *L.shape[2:]), next(count), np.float32) for _ in L])

    ab = predict_in_tiles(predict, np.zeros((1, 1, 64, 300), np.float32), 64)
    assert np.abs(np.diff(ab[0, 0], axis=1)).max() < 0.1
