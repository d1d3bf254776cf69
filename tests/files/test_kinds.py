"""Whole kinds of files, most written by another library than the one that reads them."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.color import rgb2lab

from colorization.files.pictures import UnreadableError, Wanted
from colorization.files.reading import read_picture

FULL = 65535
MANY = 10**9
COARSE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
RGB = np.asarray(Image.fromarray(COARSE).resize((64, 48), Image.Resampling.BICUBIC))
GRAY = RGB[..., 1].copy()
LAB = rgb2lab(RGB / 255)
L_OF_GRAY = rgb2lab(np.dstack([GRAY] * 3) / 255)[..., 0]


def read(path: Path, **wanted: Any) -> np.ndarray:
    return read_picture(path, MANY, Wanted(**wanted)).lightness * (100 / FULL)


@pytest.mark.parametrize("kind", ["P1", "P2", "P3", "P4", "P5", "P6"])
def test_portable_anymaps_of_every_number(tmp_path: Path, kind: str) -> None:
    black = GRAY < 128
    text = {"P1": black.astype(int), "P2": GRAY, "P3": RGB}
    data = {"P4": np.packbits(black, axis=1), "P5": GRAY, "P6": RGB}
    depth = "" if kind in ("P1", "P4") else "255\n"
    head = f"{kind}\n# scanned\n64 48\n{depth}".encode()
    body = " ".join(map(str, text[kind].ravel())).encode() if kind in text else data[kind].tobytes()
    (tmp_path / "a.pnm").write_bytes(head + body)
    expected = {"P1": 100.0 * ~black, "P4": 100.0 * ~black, "P3": LAB[..., 0], "P6": LAB[..., 0]}
    np.testing.assert_allclose(read(tmp_path / "a.pnm"), expected.get(kind, L_OF_GRAY), atol=0.1)


def test_a_graymap_of_16_bits(tmp_path: Path) -> None:
    deep = GRAY.astype(">u2") * 257
    (tmp_path / "a.pgm").write_bytes(b"P5\n64 48\n65535\n" + deep.tobytes())
    np.testing.assert_allclose(read(tmp_path / "a.pgm"), L_OF_GRAY, atol=0.1)
    assert read_picture(tmp_path / "a.pgm", MANY).bits == 16


LAB_SIGNED = np.dstack([LAB[..., 0] * 2.55, LAB[..., 1:]])


@pytest.mark.parametrize(
    ("values", "photometric", "options"),
    [
        (np.rint(LAB_SIGNED).astype(np.int16).astype(np.uint8), 8, {}),
        (np.rint(LAB_SIGNED).astype(np.int16).astype(np.uint8), 8, {"compression": "zlib"}),
        (
            np.dstack([LAB[..., 0] * 655.35, LAB[..., 1:] * 256])
            .round()
            .astype(np.int32)
            .astype(np.uint16),
            8,
            {},
        ),
        (np.dstack([LAB[..., 0] * 2.55, LAB[..., 1:] + 128]).round().astype(np.uint8), 9, {}),
        (
            np.dstack([LAB[..., 0] * 652.8, (LAB[..., 1:] + 128) * 256]).round().astype(np.uint16),
            9,
            {},
        ),
        (LAB.astype(np.float32), 8, {}),
    ],
    ids=["CIE 8", "CIE 8 deflated", "CIE 16", "ICC 8", "ICC 16", "CIE float"],
)
def test_tiffs_of_lab(
    tmp_path: Path, values: np.ndarray, photometric: int, options: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, **options)
    np.testing.assert_allclose(read(tmp_path / "a.tif"), LAB[..., 0], atol=0.4)
    assert read_picture(tmp_path / "a.tif", MANY).tone == "coloured"


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_ycbcr_tiffs_of_both_orders_and_sizes(tmp_path: Path, big: bool, order: str) -> None:
    ycc = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    tags = [(530, 3, 2, (1, 1), True)]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ycc, photometric="ycbcr", bigtiff=big, byteorder=order, extratags=tags)
    found = read(path)
    np.testing.assert_allclose(found, LAB[..., 0], atol=1.5)
    assert np.abs(found - LAB[..., 0]).mean() < 0.3


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["u1", "u2", "f2", "f4", "f8"])
def test_rgb_tiffs_of_every_sample_and_planar_order(tmp_path: Path, planar: str, kind: str) -> None:
    scale = {"u1": 1, "u2": 257, "f2": 1 / 255, "f4": 1 / 255, "f8": 1 / 255}[kind]
    values = np.asarray(RGB * float(scale)).astype(kind)
    values = values.transpose(2, 0, 1) if planar == "separate" else values
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar)
    np.testing.assert_allclose(read(tmp_path / "a.tif"), LAB[..., 0], atol=0.1)


def test_white_is_black_where_the_file_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 255 - GRAY, photometric="miniswhite")
    np.testing.assert_allclose(read(tmp_path / "a.tif"), L_OF_GRAY, atol=0.1)


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (10, 1023), (12, 4095), (14, 16383)])
def test_scans_of_fewer_bits_than_their_file_has(tmp_path: Path, bits: int, white: int) -> None:
    few = np.rint(GRAY * (white / 255)).astype(np.uint16)
    Image.fromarray(few).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png", MANY)
    np.testing.assert_allclose(found.lightness * (100 / FULL), L_OF_GRAY, atol=0.4)
    assert f"white is taken as {white}, as in scans of {bits} bits" in found.notes[0]
    assert read(tmp_path / "a.png", white=FULL).max() < 0.3 * L_OF_GRAY.max()


def test_white_that_is_given_counts(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", GRAY.astype(np.int16) * 4)
    np.testing.assert_allclose(read(tmp_path / "s.tif", white=1020), L_OF_GRAY, atol=0.1)
    tifffile.imwrite(tmp_path / "f.tif", GRAY.astype(np.float32) / 255 * 7.5)
    with pytest.raises(UnreadableError, match=r"from .* to 7\..* --white sets it"):
        read(tmp_path / "f.tif")
    np.testing.assert_allclose(read(tmp_path / "f.tif", white=7.5), L_OF_GRAY, atol=0.1)
    tifffile.imwrite(tmp_path / "n.tif", np.full((9, 9), np.nan, np.float32))
    with pytest.raises(UnreadableError, match="no finite numbers"):
        read(tmp_path / "n.tif", white=1)


@pytest.mark.parametrize("photometric", [4, 32803, 34892])
def test_tiffs_of_no_colour_are_refused(tmp_path: Path, photometric: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GRAY, photometric="minisblack")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    place = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[place : place + 2] = struct.pack("<H", photometric)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UnreadableError, match="convert it to RGB first"):
        read(tmp_path / "a.tif")


def test_raw_files_of_cameras_are_to_be_developed_first(tmp_path: Path) -> None:
    (tmp_path / "a.NEF").write_bytes(b"II*\0")
    with pytest.raises(UnreadableError, match="develop it first"):
        read(tmp_path / "a.NEF")


@pytest.mark.parametrize("name", ["a.jp2", "a.j2k", "a.bmp", "a.gif", "a.heic", "a.avif", "a.jxl"])
def test_other_formats_in_gray_and_colour(tmp_path: Path, name: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    if name == "a.jxl":
        pytest.importorskip("pillow_jxl")
    options = {"a.jxl": {"lossless": True}, "a.heic": {"quality": 95}, "a.avif": {"quality": 95}}
    for pixels, L in ((GRAY, L_OF_GRAY), (RGB, LAB[..., 0])):
        Image.fromarray(pixels).save(tmp_path / name, **options.get(name, {}))
        found = read(tmp_path / name)
        tolerance = {"a.gif": 4, "a.heic": 2, "a.avif": 2}.get(name, 0.2)
        assert np.abs(found - L).mean() < tolerance


def test_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GRAY, 255 - GRAY]), photometric="minisblack")
    np.testing.assert_allclose(read(tmp_path / "a.tif", page=0), L_OF_GRAY, atol=0.1)
    inverse = rgb2lab(np.dstack([255 - GRAY] * 3) / 255)[..., 0]
    np.testing.assert_allclose(read(tmp_path / "a.tif", page=1), inverse, atol=0.1)
    with pytest.raises(UnreadableError, match="it has no page 3; its last is 2"):
        read(tmp_path / "a.tif", page=2)


def test_pdf_of_a_scan_a_page(tmp_path: Path) -> None:
    scans = [Image.fromarray(GRAY), Image.fromarray(np.ascontiguousarray(GRAY.T))]
    scans[0].save(
        tmp_path / "a.pdf", save_all=True, append_images=scans[1:], resolution=300, quality=95
    )
    found = read_picture(tmp_path / "a.pdf", MANY)
    assert np.abs(found.lightness * (100 / FULL) - L_OF_GRAY).mean() < 1
    assert found.kept["xres"][1] == pytest.approx(300 / 25.4, rel=0.01)
    assert found.notes == ("the first of 2 pictures in the file",)
    second = read(tmp_path / "a.pdf", page=1)
    assert second.shape == GRAY.T.shape
    assert np.abs(second - L_OF_GRAY.T).mean() < 1
    (tmp_path / "cut.pdf").write_bytes((tmp_path / "a.pdf").read_bytes()[:200])
    with pytest.raises(UnreadableError, match="a damaged or locked PDF"):
        read(tmp_path / "cut.pdf")


def test_metadata_of_other_formats_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a dog"
    exif[0x0112] = 6
    for name in ("a.avif", "a.heic", "a.jxl"):
        if name == "a.jxl":
            pytest.importorskip("pillow_jxl")
        Image.fromarray(GRAY).save(tmp_path / name, exif=exif.tobytes(), quality=95)
        found = read_picture(tmp_path / name, MANY)
        assert b"a dog" in found.kept["exif-data"][1]
        assert found.lightness.shape == (64, 48), f"{name}: turned once"
        turned = np.rot90(L_OF_GRAY, -1)
        assert np.abs(found.lightness * (100 / FULL) - turned).mean() < 2, name


def test_a_kind_is_known_by_its_content(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(GRAY).save(file, "GIF")
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    assert np.abs(read(tmp_path / "a.jpg") - L_OF_GRAY).mean() < 1
