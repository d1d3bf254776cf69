"""Every kind of file that people have, and every kind that cannot be used."""

import logging
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image, ImageCms, ImageOps
from skimage.color import rgb2lab

from colorization.data.photographs import (
    Source,
    UnusablePhotographError,
    load_in_memory,
    read_photograph,
)
from colorization.errors import InputError
from colorization.files.reading import read_picture, read_rgb

EIO = Path("/proc/self/mem")  # whose first bytes cannot be read
LIMIT = 10**7
RED = (200, 30, 40)


def read(path: Path, size: int = 16) -> torch.Tensor:
    return read_photograph(path, size, LIMIT)


def mean_colour(pixels: torch.Tensor) -> list[int]:
    return [round(value) for value in pixels.float().mean((1, 2)).tolist()]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_formats_keep_their_colour(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (40, 30), RED).save(path)
    pixels = read(path)
    assert pixels.shape == (3, 16, 16)
    assert pixels.dtype == torch.uint8
    assert mean_colour(pixels) == pytest.approx(RED, abs=3)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), (255, 255, 255)),
        ("I;16", 77 * 257, (77, 77, 77)),
    ],
)
def test_modes_become_rgb(tmp_path: Path, mode: str, value: int, expected: list[int]) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (20, 20), value).save(path)
    assert mean_colour(read(path)) == list(expected)


def test_palette_with_transparency_is_laid_on_white(tmp_path: Path) -> None:
    picture = Image.new("P", (20, 20), 0)
    picture.putpalette([*RED, 0, 0, 0])
    picture.save(tmp_path / "solid.png")
    picture.save(tmp_path / "clear.png", transparency=0)
    assert mean_colour(read(tmp_path / "solid.png")) == list(RED)
    assert mean_colour(read(tmp_path / "clear.png")) == [255, 255, 255]


def test_cmyk_is_read_as_ink_by_the_profile_of_libvips(tmp_path: Path) -> None:
    ink = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    ink.save(tmp_path / "a.jpg")
    expected = in_srgb_by_littlecms(ink, pyvips.Image.profile_load("cmyk"))
    assert mean_colour(read(tmp_path / "a.jpg")) == pytest.approx(expected.getpixel((9, 9)), abs=3)


def in_srgb_by_littlecms(image: Image.Image, profile: bytes) -> Image.Image:
    given = ImageCms.ImageCmsProfile(BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    found = ImageCms.profileToProfile(image, given, srgb, relative, "RGB")
    assert found
    return found


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_training_sees_a_photograph_by_its_profile_and_orientation_as_colouring_does(
    tmp_path: Path, name: str
) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = pyvips.Image.profile_load("p3")
    lossless: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
    image.save(tmp_path / name, icc_profile=profile, exif=exif, quality=98, **lossless)
    with Image.open(tmp_path / name) as decoded:
        upright = ImageOps.exif_transpose(decoded.convert("RGB"))
        expected = np.asarray(in_srgb_by_littlecms(upright, profile)).astype(int)
    assert np.abs(expected - np.asarray(upright)).max() > 20, "the profile matters"
    L = rgb2lab(expected / 255)[..., 0]
    for size in (64, None):
        trained_on = read_photograph(tmp_path / name, size, LIMIT).permute(1, 2, 0).numpy()
        assert np.abs(trained_on - expected).max() <= 2
    coloured = read_picture(tmp_path / name, LIMIT).lightness * (100 / 65535)
    assert np.abs(rgb2lab(trained_on)[..., 0] - coloured).max() < 0.4  # half a step of 8 bits
    assert np.abs(L - coloured).max() < 0.6


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_the_fast_way_for_a_jpeg_gives_the_pixels_of_the_other(
    tmp_path: Path, mode: str, options: dict[str, Any]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 91, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "a.jpg", quality=80, **options)
    fast = read_rgb(tmp_path / "a.jpg", LIMIT, side=60)
    assert np.array_equal(np.asarray(fast), np.asarray(read_rgb(tmp_path / "a.jpg", LIMIT)))


def test_sixteen_bit_tiff_keeps_its_shades(tmp_path: Path) -> None:
    shades = np.linspace(0, 65535, 256).astype(np.uint16)
    Image.fromarray(np.tile(shades, (256, 1))).save(tmp_path / "a.tif")
    row = read(tmp_path / "a.tif", 256)[0, 0].int()
    assert (row - torch.arange(256)).abs().max() <= 1


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), "white")
    picture.paste(RED, (0, 0, 32, 16))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise: the upper half is right
    picture.save(tmp_path / "a.png", exif=exif)
    pixels = read(tmp_path / "a.png", 32)
    assert mean_colour(pixels[:, :, 20:]) == list(RED)
    assert mean_colour(pixels[:, :, :12]) == [255, 255, 255]


def test_takes_the_centre_square(tmp_path: Path) -> None:
    picture = Image.new("RGB", (96, 32), "white")
    picture.paste(RED, (32, 0, 64, 32))
    picture.save(tmp_path / "a.png")
    assert mean_colour(read(tmp_path / "a.png", 32)[:, :, 2:-2]) == list(RED)


def test_draft_of_a_large_jpeg_looks_like_a_full_decode(tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((1600, 1200), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "a.jpg", quality=95)
    picture.save(tmp_path / "a.png")
    jpeg, png = read(tmp_path / "a.jpg", 64), read(tmp_path / "a.png", 64)
    assert (jpeg.float() - png.float()).abs().mean() < 2


def broken(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.jpg"
    if kind == "text":
        path.write_text("not a picture")
    elif kind == "empty":
        path.touch()
    elif kind == "one_pixel":
        Image.new("RGB", (1, 1)).save(path)
    elif kind == "bomb":
        Image.new("L", (20_000, 20_000)).save(path)
    elif kind == "float":
        path = path.with_suffix(".tif")
        Image.new("F", (20, 20), -0.5).save(path)
    else:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        end = b"\xff\xd9" if kind == "missing" else b""
        path.write_bytes(path.read_bytes()[:1500] + end)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "not a picture"),
        ("empty", "an empty file"),
        ("truncated", "premature end of JPEG image"),
        ("one_pixel", "1 x 1 px is too small; at least 8 x 8"),
        ("bomb", "20000 x 20000 px is over dataset.max_pixels=10000000"),
        ("float", "floating-point pixels from -0.5 to -0.5 without a stated white"),
        ("missing", "premature end of data segment"),
    ],
)
def test_says_why_a_file_cannot_be_used(tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(UnusablePhotographError, match=reason):
        read(broken(tmp_path, kind))


@pytest.mark.skipif(not EIO.exists(), reason="no such file here")
def test_what_the_system_cannot_read_is_no_bad_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.symlink_to(EIO)
    with pytest.raises(InputError, match=r"/a\.png cannot be read: Input/output error"):
        read(path)
    with pytest.raises(InputError, match=r"/b\.png cannot be read: No such file"):
        read(tmp_path / "b.png")


def test_a_damaged_offset_is_no_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (20, 20)).save(path, big_tiff=True)
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + (2**63 - 1).to_bytes(8, "little") + whole[16:])
    with pytest.raises(UnusablePhotographError):
        read(path)


def test_one_bad_file_among_good_ones_is_named(
    photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = broken(photographs, "truncated")
    paths = [photographs / "00.png", bad, photographs / "02.png"]
    with caplog.at_level(logging.WARNING):
        names = list(map(str, paths))
        images = load_in_memory(Source(names, names, lambda name: read(Path(name)), 16))
    assert images.names == [names[0], names[2]]
    assert torch.equal(images.pixels[1], read(paths[2]))
    assert f"left out {bad}: " in caplog.text
