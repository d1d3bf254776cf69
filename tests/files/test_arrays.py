"""Arrays and Pillow images: what is gray comes back gray, of the same kind."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import rgb2lab

from colorization.errors import InputError
from colorization.files.arrays import as_given, picture_from
from colorization.files.painting import FULL, paint

GRAY = np.linspace(0, 255, 20 * 30).reshape(20, 30).astype(np.uint8)
NO_COLOR = np.zeros((2, 1, 1), np.float32)


def uncolored(image: Any) -> Any:
    """What comes back if the model predicts no colour."""
    picture = picture_from(image)
    bits = 8 if isinstance(image, Image.Image) else picture.bits
    rgb = paint(picture.lightness, NO_COLOR, bits=bits)
    return as_given(rgb, picture.alpha, image)


@pytest.mark.parametrize(
    "array",
    [
        GRAY,
        GRAY[..., None],
        GRAY.astype(np.uint16) * 257,
        (GRAY / 255).astype(np.float32),
        np.array([[0, 0.25], [0.5, 1]], np.float16),
        GRAY / 255,
        np.dstack([GRAY] * 3),
        np.asfortranarray(GRAY)[::-1],
    ],
    ids=["uint8", "one channel", "uint16", "float32", "float16", "float64", "rgb", "view"],
)
def test_array_of_gray_comes_back_as_the_same_gray(array: np.ndarray) -> None:
    found = uncolored(array)
    gray = array if array.ndim == 2 else array[..., 0]
    assert found.dtype == array.dtype
    assert found.shape == (*gray.shape, 3)
    tolerances = {"uint8": 0, "uint16": 2, "float16": 3e-4, "float32": 3e-5, "float64": 3e-5}
    tolerance = tolerances[array.dtype.name]
    for channel in range(3):
        assert np.abs(found[..., channel].astype(float) - gray).max() <= tolerance


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_an_array_is_kept(channels: int) -> None:
    alpha = GRAY[::-1]
    found = uncolored(np.dstack([*[GRAY] * (channels - 1), alpha]))
    assert (found == np.dstack([GRAY, GRAY, GRAY, alpha])).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "YCbCr", "PA"])
def test_pillow_image_of_every_mode(mode: str) -> None:
    gray = Image.fromarray(GRAY)
    if mode in ("I;16", "I"):
        image = Image.fromarray(GRAY.astype(np.uint16) * 257).convert(mode)
    elif mode == "PA":
        image = gray.convert("P").convert("PA")
    else:
        image = gray.convert(mode)
    expected = np.asarray(image.convert("L")) if mode == "1" else GRAY
    found = uncolored(image)
    assert found.mode == ("RGBA" if "A" in mode else "RGB")
    assert np.abs(np.asarray(found)[..., 0].astype(int) - expected).max() <= (mode == "YCbCr")


def test_cmyk_is_read_as_ink() -> None:
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[2:, :, 3] = 255
    picture = picture_from(Image.fromarray(ink, "CMYK"))
    assert picture.lightness[0, 0] > 0.97 * FULL, "no ink is paper white"
    assert picture.lightness[3, 0] < 0.25 * FULL, "black ink"


def test_colours_are_left_out_by_their_lightness_with_a_note() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture = picture_from(rgb)
    expected = rgb2lab(rgb)[..., 0]
    assert np.abs(picture.lightness * (100 / FULL) - expected).max() < 0.01
    assert picture.notes == ("it has colours of its own, which are left out",)
    assert picture_from(np.dstack([GRAY] * 3)).notes == ()


def test_orientation_and_profile_of_a_pillow_image_are_honoured() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right
    Image.fromarray(GRAY).save(file, "PNG", exif=exif)
    turned = picture_from(Image.open(file))
    assert (turned.lightness == picture_from(np.rot90(GRAY, -1)).lightness).all()
    profiled = Image.fromarray(np.dstack([GRAY, GRAY, GRAY]))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profiled.info["icc_profile"] = lab
    assert (
        np.abs(picture_from(profiled).lightness.astype(int) - picture_from(GRAY).lightness).max()
        < 0.005 * FULL
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), r"an array of shape \(4, 4, 5\); it must be \(H,W\)"),
        (np.zeros((0, 4), np.uint8), r"an array of shape \(0, 4\)"),
        (np.zeros((4, 4), np.int32), "an array of int32; it must be uint8, uint16 or float"),
        (np.full((4, 4), 2.0), r"floating-point values outside 0\.\.1"),
        (np.full((4, 4), np.nan), r"floating-point values outside 0\.\.1"),
        (Image.new("F", (4, 4)), "floating-point pixels have no stated white"),
        (Image.new("La", (4, 4)), ""),
    ],
)
def test_other_images_are_refused(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"this image cannot be coloured: {message}"):
        picture_from(image)


@pytest.mark.parametrize(
    ("thing", "name"), [([[1, 2]], "list"), ("a.jpg", "str"), (None, "NoneType")]
)
def test_what_is_no_image_is_refused(thing: Any, name: str) -> None:
    with pytest.raises(InputError, match=f"a {name} is no image: give a Pillow image or an array"):
        picture_from(thing)
