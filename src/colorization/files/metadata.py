"""What libvips does not carry from file to file: tags of TIFF, texts of PNG, resolutions; our mark.

Metadata travel by libvips's names (``exif-data``, ``iptc-data``, ``xmp-data``), as blobs.
"""

import struct
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image, PngImagePlugin, TiffImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from colorization.files.foreign import INCH

EXIF, IPTC, XMP = "exif-data", "iptc-data", "xmp-data"
COMMENT = "png-comment-"
HEAD = b"Exif\0\0"
IPTC_TAG, XMP_TAG, EXIF_TAG, GPS_TAG = 33723, 700, 0x8769, 0x8825
SOFTWARE = 305
TEXT, LONG, BYTES = 2, 4, 7  # of TIFF's types
CLASSIC = 42
ASCII = frozenset((269, 270, 271, 272, 285, SOFTWARE, 306, 315, 316, 33432))
"""Tags of TIFF that tell of a photograph, and not of how a file keeps its pixels."""
PHOTOSHOP, RESOURCE = b"Photoshop 3.0\0", b"8BIM\x04\x04\0\0"
"""What JPEG has around IPTC."""
BLOB = pyvips.GValue.blob_type
Kept = Mapping[str, tuple[Any, Any]]


def read_more(path: Path, form: str, page: int) -> dict[str, tuple[Any, Any]]:
    """Read what libvips leaves out, or finds elsewhere than viewers; nothing if it is damaged."""
    found: dict[str, tuple[Any, Any]] = {}
    try:
        if form == "tiff":
            return read_tiff(path, page)
        if form in ("jpeg", "png"):
            opener = JpegImageFile if form == "jpeg" else PngImagePlugin.PngImageFile
            with opener(path) as image:
                dpi = image.info.get("dpi")
            if isinstance(dpi, tuple) and all(0 < float(value) < 1e5 for value in dpi):
                for name, value in zip(("xres", "yres"), dpi, strict=True):
                    found[name] = (None, float(value) / INCH)
    except Exception:  # of damaged metadata, of any kind; the picture itself was read
        return found
    return found


def read_tiff(path: Path, page: int) -> dict[str, tuple[Any, Any]]:
    """Read the describing tags of a TIFF, with those of EXIF and GPS, as a blob of EXIF; IPTC."""
    found: dict[str, tuple[Any, Any]] = {}
    with path.open("rb") as file:
        tags = directory(file, page)
        exif = Image.Exif()
        for tag in ASCII & set(tags):
            exif[tag] = tags[tag]
        for tag in {EXIF_TAG, GPS_TAG} & set(tags):
            exif[tag] = below(file, tags, tag)
        if len(exif):
            found[EXIF] = (BLOB, HEAD + exif.tobytes().removeprefix(HEAD))
        if iptc := tags._tagdata.get(IPTC_TAG):  # raw: Pillow takes the first of its longs
            is_swapped = tags.tagtype[IPTC_TAG] == LONG and tags.prefix == b"MM"
            order = f"{len(iptc) // 4}I"
            data = (
                struct.pack(f"<{order}", *struct.unpack(f">{order}", iptc)) if is_swapped else iptc
            )
            found[IPTC] = (BLOB, data)
    return found


def directory(file: Any, page: int = 0) -> Any:
    """The tags of a page of a TIFF, by Pillow."""
    header = file.read(16)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header if header[2:3] == b"+" else header[:8])
    for _ in range(page + 1):
        file.seek(tags.next)
        tags.load(file)
    return tags


def below(file: Any, tags: Any, tag: int) -> dict[int, Any]:
    """The tags of a directory that a tag of another points to."""
    inner = TiffImagePlugin.ImageFileDirectory_v2(prefix=tags.prefix, group=tag)
    inner._endian = tags._endian
    file.seek(tags[tag])
    inner.load(file)
    return dict(inner)


def plain_iptc(data: bytes) -> bytes:
    """IPTC as TIFF has it, of either form."""
    if not data.startswith(PHOTOSHOP):
        return data
    _, found, rest = data.partition(RESOURCE)
    return rest[4 : 4 + int.from_bytes(rest[:4], "big")] if found else b""


def wrapped_iptc(data: bytes) -> bytes:
    """IPTC as JPEG has it, of either form."""
    if data.startswith(PHOTOSHOP):
        return data
    return PHOTOSHOP + RESOURCE + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)


def mark_of(kept: Kept, model: str) -> str:
    """What the coloured file says of its making: after the software it had, who added colours."""
    before = ""
    try:
        exif = Image.Exif()
        exif.load(kept[EXIF][1])
        before = str(exif.get(SOFTWARE, "")).strip().rstrip("\0")
    except Exception:  # there is none, or it is damaged
        before = ""
    ours = f"colours added by colorization {version('colorization')}, model {model}"
    return f"{before}; {ours}" if before and ours not in before else ours


def finish(path: Path, form: str, kept: Kept, mark: str | None) -> None:
    """Put into a written file what libvips did not."""
    if form == "tiff":
        finish_tiff(path, kept, mark)
    elif form == "png":
        texts = {name: value for name, (_, value) in kept.items() if name.startswith(COMMENT)}
        finish_png(path, texts)


def finish_tiff(path: Path, kept: Kept, mark: str | None) -> None:
    """Give a TIFF the describing tags of an EXIF blob, IPTC, and our mark."""
    exif = Image.Exif()
    if EXIF in kept:
        try:
            exif.load(kept[EXIF][1])
        except Exception:  # a damaged block
            exif = Image.Exif()
    texts = {tag: str(exif[tag]) for tag in ASCII & set(exif)} | ({SOFTWARE: mark} if mark else {})
    fields = {
        tag: (TEXT, text.encode("utf-8", "replace").rstrip(b"\0") + b"\0")
        for tag, text in texts.items()
    }
    if IPTC in kept:
        fields[IPTC_TAG] = (BYTES, plain_iptc(bytes(kept[IPTC][1])))
    below = {tag: exif.get_ifd(tag) for tag in (EXIF_TAG, GPS_TAG) if exif.get_ifd(tag)}
    with path.open("r+b") as file:
        add_to_directory(file, fields, below)


def add_to_directory(
    file: Any, fields: Mapping[int, tuple[int, bytes]], below: Mapping[int, Mapping[int, Any]]
) -> None:
    """Put a new first directory behind a classic TIFF: the old one's entries, and more.

    Args:
        fields: kinds and values of tags to add or replace.
        below: tags of directories that a tag points to.
    """
    head = file.read(8)
    order = "<" if head[:2] == b"II" else ">"
    (number, start) = struct.unpack(f"{order}HI", head[2:])
    if number != CLASSIC:
        return  # a file of over 4 GB
    file.seek(start)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    old = [file.read(12) for _ in range(count)]
    last = file.read(4)
    place = file.seek(0, 2)
    place += file.write(bytes(place % 2))
    entries = {struct.unpack(f"{order}H", entry[:2])[0]: entry for entry in old}
    for tag, (kind, value) in fields.items():
        short = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(f"{order}I", place)
        entries[tag] = struct.pack(f"{order}HHI", tag, kind, len(value)) + short
        if len(value) > 4:
            place += file.write(value + bytes(len(value) % 2))
    for tag, values in below.items():
        inner = TiffImagePlugin.ImageFileDirectory_v2(prefix=head[:2], group=tag)
        inner.update(values)
        entries[tag] = struct.pack(f"{order}HHII", tag, LONG, 1, place)
        data = inner.tobytes(place)
        place += file.write(data + bytes(len(data) % 2))
    file.write(struct.pack(f"{order}H", len(entries)))
    file.write(b"".join(entries[tag] for tag in sorted(entries)) + last)
    file.seek(4)
    file.write(struct.pack(f"{order}I", place))


def finish_png(path: Path, texts: Mapping[str, str]) -> None:
    """Give a PNG its texts under their whole names, of which libvips writes the first word."""
    chunks = b""
    for name, text in texts.items():
        key = name.removeprefix(COMMENT).partition("-")[2]
        body = key.encode("latin-1", "replace")[:79] + b"\0" + text.encode("latin-1", "replace")
        head = struct.pack(">I", len(body)) + b"tEXt" + body
        chunks += head + struct.pack(">I", zlib.crc32(b"tEXt" + body))
    if chunks:
        data = path.read_bytes()
        first = 8 + 12 + 13  # behind the signature and IHDR
        path.write_bytes(data[:first] + chunks + data[first:])
