"""Damaged files of every format: each is read or refused with a reason; nothing is half-written.

Read in processes of their own, a few hundred files each, so that a crash or a hang is seen.
"""

import io
import multiprocessing
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from colorization.files.painting import paint
from colorization.files.pictures import UnreadableError
from colorization.files.reading import read_picture
from colorization.files.writing import write_picture
from colorization.inference.plan import rename_for_format

CASES = 5100
MOST_MEMORY = 1_000_000  # KiB
AT_A_TIME = 300
PATIENCE = 120  # s, for each of those
SOURCES = {
    "a.jpg": {"quality": 80},
    "progressive.jpg": {"quality": 80, "progressive": True},
    "a.png": {},
    "a.webp": {"quality": 80},
    "lossless.webp": {"lossless": True},
    "a.tif": {"compression": "tiff_lzw"},
    "raw.tif": {},
    "deflated.tif": {"compression": "tiff_adobe_deflate"},
    "a.bmp": {},
    "a.gif": {},
    "a.jp2": {},
    "a.avif": {"quality": 80},
    "a.heic": {"quality": 80},
    "a.pdf": {},
    "a.ppm": {},
}
FORMS = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000", "heic": "HEIF", "ppm": "PPM"}
"""Of Pillow, where they are not called as their suffixes."""
WITHOUT_ALPHA = ("jpg", "bmp", "pdf", "ppm")


def whole_files() -> dict[str, bytes]:
    """A small picture with EXIF in every format, gray, coloured, of 16 bits and with alpha."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "fuzz"
    pillow_heif.register_heif_opener()
    files = {}
    for name, options in SOURCES.items():
        for mode in ("L", "RGB", "RGBA", "CMYK"):
            suffix = name.rpartition(".")[2]
            is_held = {"L": True, "RGB": True, "RGBA": suffix not in WITHOUT_ALPHA}
            if is_held.get(mode, "jpg" in name or "tif" in name):
                file = io.BytesIO()
                image = Image.fromarray(noise, "RGBA").convert("RGB").convert(mode)
                image.save(file, FORMS.get(suffix, suffix.upper()), exif=exif, **options)
                files[f"{mode}_{name}"] = file.getvalue()
    for name in ("a.png", "a.tif"):
        file = io.BytesIO()
        deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
        deep.save(file, {"png": "PNG", "tif": "TIFF"}[name.rpartition(".")[2]])
        files[f"deep_{name}"] = file.getvalue()
    for kind, values in odd_samples(noise[..., :3]).items():
        file = io.BytesIO()
        tags = [(530, 3, 2, (1, 1), True)] if kind == "ycbcr" else []
        tifffile.imwrite(file, values, photometric=kind.partition("_")[0], extratags=tags)
        files[f"{kind}.tif"] = file.getvalue()
    return files


def odd_samples(noise: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels of TIFF files by their photometric interpretation."""
    return {
        "cielab": noise,
        "icclab": noise.astype(np.uint16) * 257,
        "ycbcr": noise,
        "rgb_float": (noise / 255).astype(np.float32),
        "rgb_double": noise / 255,
        "minisblack_signed": noise[..., 0].astype(np.int16),
    }


def damaged(files: dict[str, bytes], seed: int) -> tuple[str, bytes]:
    """A file cut short, with flipped bits, a piece gone or doubled, or under another's name."""
    chance = random.Random(seed)
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    harm = chance.choice(("cut", "flip", "flips", "head", "gone", "doubled", "renamed"))
    start = chance.randrange(len(data))
    if harm == "cut":
        data = data[:start]
    elif harm == "flip":
        data[start] ^= 1 << chance.randrange(8)
    elif harm == "flips":
        for _ in range(50):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif harm == "head":  # where sizes, types and offsets are
        for _ in range(3):
            data[chance.randrange(min(64, len(data)))] = chance.randrange(256)
    elif harm == "gone":
        del data[start : start + chance.randrange(200)]
    elif harm == "doubled":
        data[start:start] = data[start : start + chance.randrange(200)]
    else:
        name = chance.choice(sorted(files))
    return f"{seed}_{name}", bytes(data)


def colour(folder: Path, seeds: range, results: "multiprocessing.Queue[tuple[int, int]]") -> None:
    """Damage, read and write; counts go to ``results``."""
    files, read, refused = whole_files(), 0, 0
    for seed in seeds:
        name, data = damaged(files, seed)
        path = folder / "in" / name
        path.write_bytes(data)
        try:
            picture = read_picture(path, 10_000_000)
            rgb = paint(picture.lightness, np.ones((2, 3, 3), np.float32), bits=picture.bits)
            write_picture(rgb, picture, folder / "out" / result_of(name), 90)
        except UnreadableError:
            refused += 1
        else:
            read += 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MOST_MEMORY
    results.put((read, refused))


def result_of(name: str) -> str:
    return str(rename_for_format(Path(name), None))


def parts() -> Iterator[range]:
    for start in range(0, CASES, AT_A_TIME):
        yield range(start, start + AT_A_TIME)


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    spawn = multiprocessing.get_context("spawn")
    read = refused = 0
    for seeds in parts():
        results: multiprocessing.Queue[tuple[int, int]] = spawn.Queue()
        process = spawn.Process(target=colour, args=(tmp_path, seeds, results))
        process.start()
        process.join(PATIENCE)
        hangs = process.is_alive()
        process.kill()
        assert not hangs, f"hangs among {seeds}"
        assert process.exitcode == 0, f"crash among {seeds}: {process.exitcode}"
        counts = results.get(timeout=10)
        read, refused = read + counts[0], refused + counts[1]
    assert read + refused == CASES
    assert min(read, refused) > CASES // 10, "damage of both kinds"
    written = list((tmp_path / "out").iterdir())
    assert len(written) == read, "nothing half-written"
    for path in written:
        assert read_picture(path, 10_000_000).lightness.size
