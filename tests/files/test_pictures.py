"""Files of every kind: read as what they show, written with what they had."""

import io
import resource
import signal
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from colorization.color import NEAR_GRAY_CHROMA
from colorization.files.arrays import picture_from
from colorization.files.painting import FULL, paint
from colorization.files.pictures import Picture, UnreadableError
from colorization.files.reading import read_picture, read_rgb, strictly, upright
from colorization.files.tone import COLORED
from colorization.files.writing import write_picture

GRAY = np.linspace(0, 255, 40 * 60).reshape(40, 60).astype(np.uint8)
IMAGE = Image.fromarray(GRAY)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
NO_COLOR = np.zeros((2, 1, 1), np.float32)
MANY = 10**9


def saved(path: Path, image: Image.Image = IMAGE, **options: Any) -> Path:
    image.save(path, **options)
    return path


def through(path: Path, target: Path, quality: int = 95) -> tuple[Picture, tuple[str, ...]]:
    """Read a file and write it without colours."""
    picture = read_picture(path, MANY)
    rgb = paint(picture.lightness, NO_COLOR, bits=picture.bits)
    return picture, write_picture(rgb, picture, target, quality)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.tif", {}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.JPG", {"quality": 95}, 4),
    ],
)
def test_gray_of_every_format_comes_out_as_it_went_in(
    tmp_path: Path, name: str, options: dict[str, Any], tolerance: int
) -> None:
    form = "JPEG" if name == "a.JPG" else None
    _, notes = through(saved(tmp_path / name, format=form, **options), tmp_path / f"out_{name}")
    found = Image.open(tmp_path / f"out_{name}")
    assert found.mode == "RGB"
    assert notes == ()
    lossy = 6 if name == "a.webp" else tolerance  # ours is written lossy
    assert np.abs(np.asarray(found)[..., 1].astype(int) - GRAY).max() <= lossy


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_stay_16(tmp_path: Path, name: str) -> None:
    fine = np.linspace(0, FULL, 40 * 60).reshape(40, 60).astype(np.uint16)
    picture, _ = through(saved(tmp_path / name, Image.fromarray(fine)), tmp_path / f"out_{name}")
    assert picture.bits == 16
    found = read_picture(tmp_path / f"out_{name}", MANY)
    assert found.bits == 16
    assert np.abs(found.lightness.astype(int) - picture.lightness).max() <= 3
    assert len(np.unique(found.lightness)) > 2000, "more than 256 tones"


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_16_bits_become_8_with_a_note_where_the_format_has_no_more(
    tmp_path: Path, name: str
) -> None:
    fine = Image.fromarray(GRAY.astype(np.uint16) * 257)
    _, notes = through(saved(tmp_path / "a.png", fine), tmp_path / name)
    assert notes == (f"{'JPEG' if name == 'a.jpg' else 'WEBP'} has 8 bits a channel",)
    assert np.abs(np.asarray(Image.open(tmp_path / name))[..., 1].astype(int) - GRAY).max() <= 6


@pytest.mark.parametrize(
    ("mode", "name"), [("1", "a.png"), ("1", "a.tif"), ("P", "a.png"), ("RGB", "a.tif")]
)
def test_black_and_white_palette_and_rgb_are_read(tmp_path: Path, mode: str, name: str) -> None:
    image = IMAGE.convert(mode)
    picture = read_picture(saved(tmp_path / name, image), MANY)
    assert (picture.lightness == picture_from(image.convert("L")).lightness).all()
    assert picture.notes == ()


def test_cmyk_is_read_as_ink(tmp_path: Path) -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[8:, :, 3] = 255
    path = saved(tmp_path / "a.tif", Image.fromarray(ink, "CMYK"))
    lightness = read_picture(path, MANY).lightness
    assert lightness[0, 0] > 0.97 * FULL
    assert lightness[15, 0] < 0.25 * FULL


@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_is_kept(tmp_path: Path, name: str, bits: int) -> None:
    alpha = GRAY[::-1]
    both = np.dstack([GRAY, alpha])
    picture = picture_from(both if bits == 8 else both.astype(np.uint16) * 257)
    write_picture(paint(picture.lightness, NO_COLOR, bits=bits), picture, tmp_path / name, 95)
    found = read_picture(tmp_path / name, MANY).alpha
    assert found is not None
    assert (found // (257 if found.dtype == np.uint16 else 1) == alpha).all()


def test_alpha_is_laid_on_white_in_jpeg_with_a_note(tmp_path: Path) -> None:
    picture = picture_from(np.dstack([np.zeros_like(GRAY), np.zeros_like(GRAY)]))
    rgb = paint(picture.lightness, NO_COLOR)
    notes = write_picture(rgb, picture, tmp_path / "a.jpg", 95)
    assert notes == ("JPEG has no transparency: it is laid on white",)
    assert (np.asarray(Image.open(tmp_path / "a.jpg")) == 255).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_orientation_is_applied_and_metadata_kept(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a dog"
    options = {"lossless": True} if name == "a.webp" else {"dpi": (300, 300)}
    picture, _ = through(saved(tmp_path / name, exif=exif, **options), tmp_path / f"out_{name}")
    assert np.abs(
        picture.lightness - picture_from(np.rot90(GRAY, -1)).lightness.astype(int)
    ).max() < (0.02 * FULL)
    found = Image.open(tmp_path / f"out_{name}")
    assert found.size == (40, 60)
    assert dict(found.getexif())[0x010E] == "a dog"
    assert dict(found.getexif()).get(0x0112, 1) == 1
    if name != "a.webp":
        assert found.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_thumbnail_is_left_out_and_orientation_in_xmp_set_right(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(GRAY, interpretation="b-w").copy()
    thumbnail = image.thumbnail_image(16).jpegsave_buffer(keep="none")
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", thumbnail)
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    xmp = b'<x tiff:Orientation="6" dc:title="8"/><tiff:Orientation>6</tiff:Orientation>'
    image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp)
    image.jpegsave(str(tmp_path / "a.jpg"))
    through(tmp_path / "a.jpg", tmp_path / "out.jpg")
    found = pyvips.Image.new_from_file(str(tmp_path / "out.jpg"))
    assert "jpeg-thumbnail-data" not in found.get_fields()
    assert found.get("xmp-data") == xmp.replace(b'"6"', b'"1"').replace(b">6<", b">1<")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_pillow_s(orientation: int) -> None:
    image = IMAGE.copy()
    image.getexif()[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=image.getexif())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    assert (upright(GRAY.astype(np.uint16), orientation) == expected).all()


def test_profile_is_honoured_and_the_result_says_srgb(tmp_path: Path) -> None:
    display_p3 = pyvips.Image.profile_load("p3")
    rgb = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(rgb), icc_profile=display_p3)
    picture, _ = through(path, tmp_path / "out.png")
    linear = ((np.array([200, 40, 90]) / 255 + 0.055) / 1.055) ** 2.4
    Y = linear @ [0.22897456, 0.69173852, 0.07928691]  # of Display P3 (SMPTE EG 432-1)
    assert picture.lightness[8, 8] * (100 / FULL) == pytest.approx(116 * Y ** (1 / 3) - 16, abs=0.3)
    found = Image.open(tmp_path / "out.png").info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(found)))


def test_gray_with_a_profile_of_rgb_is_read_by_its_gray_axis(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", quality=100, icc_profile=SRGB)
    picture = read_picture(path, MANY)
    assert np.abs(picture.lightness - picture_from(GRAY).lightness.astype(int)).max() < 0.01 * FULL
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"nonsense" * 20, LAB])
def test_profile_of_no_use_is_passed_over_with_a_note(tmp_path: Path, profile: bytes) -> None:
    picture = read_picture(saved(tmp_path / "a.jpg", quality=100, icc_profile=profile), MANY)
    assert picture.notes == ("its colour profile is of no use and passed over",)
    assert np.abs(picture.lightness - picture_from(GRAY).lightness.astype(int)).max() < 0.01 * FULL


def test_first_of_several_pages_is_taken_with_a_note(tmp_path: Path) -> None:
    more = [Image.new("L", (60, 40), 9)]
    path = saved(tmp_path / "a.tif", save_all=True, append_images=more)
    picture = read_picture(path, MANY)
    assert picture.notes == ("the first of 2 pictures in the file",)
    assert (picture.lightness == picture_from(GRAY).lightness).all()


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "svg.png").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    )
    saved(tmp_path / "float.tif", Image.fromarray(GRAY.astype(np.float32) - 3.5))
    whole = saved(tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    for name, message in {
        "text.jpg": "not a picture",
        "empty.png": "an empty file",
        "svg.png": "a svg picture; known are jpeg, png, webp, tiff",
        "float.tif": "floating-point pixels from -3.5 to 251.5 without a stated white",
        "cut.jpg": "premature end of JPEG image",
        "none.jpg": "No such file",
    }.items():
        with pytest.raises(UnreadableError, match=message):
            read_picture(tmp_path / name, MANY)
    with pytest.raises(UnreadableError, match="60 x 40 px is over max_pixels=2399"):
        read_picture(tmp_path / "whole.jpg", 60 * 40 - 1)


def claiming(path: Path, width: int, height: int) -> Path:
    """A gray JPEG of 16 x 16 px whose header says something else."""
    data = bytearray(saved(path, Image.new("L", (16, 16), 77)).read_bytes())
    sizes = data.index(b"\xff\xc0") + 5
    data[sizes : sizes + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    path.write_bytes(data)
    return path


def blank_png(path: Path, width: int, height: int) -> Path:
    """A whole gray PNG, row by row."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(1 + width)) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )
    return path


def test_what_a_header_claims_is_checked_before_it_costs_time_or_memory(tmp_path: Path) -> None:
    cases = {
        claiming(tmp_path / "a.jpg", 20_000, 20_000): "its data are missing: 3.. bytes cannot hold",
        claiming(tmp_path / "b.jpg", 400, 380): "premature end of data segment",
        blank_png(tmp_path / "a.png", 1, 300_000): "1 x 300000 px; 100,000 are the most along a",
        blank_png(tmp_path / "b.png", 10, 10001): "10 x 10001 px; one side is over 1000 times",
    }
    png = bytearray(blank_png(tmp_path / "c.png", 16, 16).read_bytes())
    png[16:24] = struct.pack(">II", 20_000, 20_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    (tmp_path / "c.png").write_bytes(png)
    cases[tmp_path / "c.png"] = r"its data are missing: \d+ bytes cannot hold 20000 x 20000 px"
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    for path, message in cases.items():
        for side in (None, 64):
            with pytest.raises(UnreadableError, match=message):
                read_rgb(path, MANY, side)
        with pytest.raises(UnreadableError, match=message):
            read_picture(path, MANY)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert more < 100, "MiB"
    assert time.monotonic() - start < 5
    assert read_picture(blank_png(tmp_path / "d.png", 10, 10000), MANY).lightness.shape == (
        10000,
        10,
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {}),
        ("a.jpg", {"progressive": True}),
        ("a.png", {}),
        ("a.webp", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_that_ends_early_is_refused(
    tmp_path: Path, name: str, options: dict[str, Any], share: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    whole = saved(tmp_path / name, Image.fromarray(noise), **options).read_bytes()
    read_picture(tmp_path / name, MANY)
    (tmp_path / name).write_bytes(whole[: round(share * len(whole))])
    with pytest.raises(UnreadableError):
        read_picture(tmp_path / name, MANY)
    for side in (None, 16):
        with pytest.raises(UnreadableError):
            read_rgb(tmp_path / name, MANY, side)


def test_what_libjpeg_warns_of_but_lacks_nothing_is_read(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.jpg", quality=95).read_bytes()
    middle = whole.index(b"\xff\xda")
    (tmp_path / "b.jpg").write_bytes(whole[:middle] + b"\x00\x11\x22" + whole[middle:])
    found = read_picture(tmp_path / "b.jpg", MANY)
    assert (found.lightness == read_picture(tmp_path / "a.jpg", MANY).lightness).all()


def test_names_that_libvips_reads_as_options_are_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "a[Q=3].png")
    through(path, tmp_path / "b[strip].png")
    assert (tmp_path / "b[strip].png").is_file()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_full_disk_leaves_nothing(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, FULL, (300, 300)).astype(np.uint16)
    picture = picture_from(noise)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises((UnreadableError, OSError)):
            write_picture(paint(picture.lightness, NO_COLOR), picture, tmp_path / name, 95)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_coloured_where_the_project_says_so() -> None:
    assert COLORED == NEAR_GRAY_CHROMA


def test_a_reason_that_another_thread_took_is_asked_for_again() -> None:
    said = ["VipsImage: unable to write to memory", "VipsImage: unable to write to memory"]
    said += ["VipsJpeg: premature end of JPEG image"]

    def read(fail_on: str) -> None:
        error = pyvips.Error("unable to read")
        error.detail = said.pop(0)
        raise error

    with pytest.raises(UnreadableError, match=r"^premature end of JPEG image; --salvage"):
        strictly(read)
    assert not said
