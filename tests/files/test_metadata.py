"""Metadata of the gray file in the coloured one, as exiftool sees them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from colorization.files.painting import paint
from colorization.files.reading import read_picture
from colorization.files.writing import write_picture

GRAY = Image.fromarray(np.linspace(20, 230, 40 * 60).reshape(40, 60).astype(np.uint8))
WRITTEN = {
    "EXIF:Artist": "album",
    "EXIF:DateTimeOriginal": "1958:07:14 10:00:00",
    "EXIF:ImageDescription": "My aunt",
    "EXIF:Make": "Scanner",
    "EXIF:GPSLatitudeRef": "North",
    "XMP:Title": "Summer",
    "XMP:Subject": "garden",
}
IPTC = {"IPTC:Headline": "Hello", "IPTC:City": "Kyoto"}

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is missing")


def exiftool(*words: str) -> str:
    return subprocess.run(["exiftool", *words], check=True, capture_output=True, text=True).stdout


def tags_of(path: Path) -> dict[str, Any]:
    (found,) = json.loads(exiftool("-json", "-G0", str(path)))
    return dict(found)


def describe(path: Path) -> None:
    """Give a file metadata of every kind, turned by 90 degrees."""
    words = [f"-{name}={value}" for name, value in {**WRITTEN, **IPTC}.items()]
    exiftool("-q", "-m", "-overwrite_original", "-EXIF:Orientation#=6", *words, str(path))


def colored(source: Path, target: Path) -> dict[str, Any]:
    picture = read_picture(source, 10**9)
    rgb = paint(picture.lightness, np.full((2, 1, 1), 9, np.float32), bits=picture.bits)
    write_picture(rgb, picture, target, 92, "teacher")
    return tags_of(target)


@pytest.mark.parametrize(
    ("source", "target"),
    [(f"in.{form}", f"out.{form}") for form in ("jpg", "png", "webp", "tif", "avif")]
    + [("in.jpg", "out.tif"), ("in.tif", "out.jpg"), ("in.tif", "out.webp"), ("in.png", "out.tif")],
)
def test_exif_iptc_and_xmp_are_kept(tmp_path: Path, source: str, target: str) -> None:
    options = {} if source in ("in.webp", "in.avif") else {"dpi": (300, 300)}
    GRAY.save(tmp_path / source, **options)
    describe(tmp_path / source)
    found = colored(tmp_path / source, tmp_path / target)
    for name, value in WRITTEN.items():
        assert found.get(name) == value, name
    held = ("in.jpg", "in.tif")  # of ours, the formats that IPTC is at home in
    if source in held and target in ("out.jpg", "out.tif"):
        assert {name: found.get(name) for name in IPTC} == IPTC
    assert found.get("EXIF:Orientation", "Horizontal (normal)") == "Horizontal (normal)"
    size = Image.open(tmp_path / target).size
    is_turned = source != "in.avif"  # which has turns of its own, and EXIF's do not count
    assert size == ((40, 60) if is_turned else (60, 40)), "turned once"
    if options:
        assert float(found["EXIF:XResolution"]) == pytest.approx(300, abs=0.01)
    assert found["EXIF:Software"].startswith("colours added by colorization ")
    assert found["EXIF:Software"].endswith(", model teacher")
    assert "ExifTool:Warning" not in found or "[minor]" in found["ExifTool:Warning"]


@pytest.mark.parametrize("source", ["in.heic", "in.jp2"])
def test_what_telephones_and_archives_write_is_kept_in_jpeg(tmp_path: Path, source: str) -> None:
    pillow_heif.register_heif_opener()
    GRAY.save(tmp_path / source)
    describe(tmp_path / source)
    found = colored(tmp_path / source, tmp_path / "out.jpg")
    kept = {name: found.get(name) for name in WRITTEN}
    assert kept == WRITTEN
    if source == "in.jp2":
        assert {name: found.get(name) for name in IPTC} == IPTC


def test_the_scanner_s_software_stays_named(tmp_path: Path) -> None:
    GRAY.save(tmp_path / "in.jpg")
    exiftool("-q", "-overwrite_original", "-EXIF:Software=Scan 1.2", str(tmp_path / "in.jpg"))
    for target in ("out.jpg", "out.tif"):
        found = colored(tmp_path / "in.jpg", tmp_path / target)
        assert found["EXIF:Software"].startswith("Scan 1.2; colours added by ")


def test_texts_of_png_keep_their_names(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Creation Time", "1958")
    texts.add_text("Author", "Ann")
    GRAY.save(tmp_path / "in.png", pnginfo=texts)
    colored(tmp_path / "in.png", tmp_path / "out.png")
    found = Image.open(tmp_path / "out.png").info
    assert (found["Creation Time"], found["Author"]) == ("1958", "Ann")


def test_damaged_metadata_are_no_reason_to_refuse_a_picture(tmp_path: Path) -> None:
    GRAY.save(tmp_path / "in.tif")
    describe(tmp_path / "in.tif")
    data = bytearray((tmp_path / "in.tif").read_bytes())
    place = data.index(b"album")
    data[place : place + 300] = bytes(300)
    (tmp_path / "in.tif").write_bytes(data)
    found = colored(tmp_path / "in.tif", tmp_path / "out.tif")
    assert found["EXIF:Software"].endswith("model teacher")
