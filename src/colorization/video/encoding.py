"""Write a film: coloured frames encoded shot by shot, everything else copied packet by packet."""

import errno
import heapq
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from colorization.errors import InputError
from colorization.files.atomic import replacing
from colorization.files.painting import (
    Floats,
    Pixels,
    encode_gamma,
    is_outside,
    linear_rgb,
    with_less_chroma,
)
from colorization.video.carrying import resize
from colorization.video.film import (
    BLACK,
    FULL_RANGE,
    LIMITED_RANGE,
    Look,
    find_video,
    lightness_of,
    open_film,
)

CODECS = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "ffv1": "ffv1",
}
BT709, BT601 = (0.2126, 0.0722), (0.299, 0.114)  # weights of red and blue in luma
BT601_SPACES = (5, 6)  # FFmpeg's numbers of BT.470BG and SMPTE 170M
UNSAID = 2
SMALL = 720  # px high: smaller films that do not say are BT.601, as FFmpeg takes them
GLOBAL_HEADER = 1 << 22
LONGEST_GOP = 250
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Encoding(NamedTuple):
    """How frames are encoded: a name of CODECS, and the quality, lower is better, 0 to 51."""

    codec: str
    quality: int


def pixel_format(look: Look, codec: str) -> str:
    """Choose the pixel format; odd sizes need chroma at full resolution except in FFV1."""
    is_odd = look.width % 2 or look.height % 2
    depth = "" if look.bits == 8 else "10le"
    if codec == "prores":
        return "yuv422p10le"
    if codec == "ffv1" or not is_odd:
        return f"yuv420p{depth}"
    if codec == "av1":
        raise InputError("AV1 needs even sides here; set codec to h264 or ffv1")
    return f"yuv444p{depth}"


def set_up(encoder: Any, look: Look, encoding: Encoding) -> None:
    """Set an encoder's (or a stream's) fields."""
    encoder.width, encoder.height = look.width, look.height
    encoder.pix_fmt = pixel_format(look, encoding.codec)
    encoder.time_base = look.time_base
    context = getattr(encoder, "codec_context", encoder)
    context.framerate = look.rate
    context.time_base = look.time_base
    context.gop_size = LONGEST_GOP
    context.color_range = FULL_RANGE if look.is_full_range else LIMITED_RANGE
    context.colorspace = look.colorspace
    context.color_primaries = look.primaries
    context.color_trc = look.transfer
    if look.aspect:
        context.sample_aspect_ratio = look.aspect
    context.flags |= GLOBAL_HEADER
    context.options = options_of(encoding)


def options_of(encoding: Encoding) -> dict[str, str]:
    """Return an encoder's options."""
    if encoding.codec == "ffv1":
        return {"level": "3", "slicecrc": "1"}
    if encoding.codec == "prores":
        return {"profile": "hq"}
    options = {"crf": str(encoding.quality)}
    if encoding.codec == "hevc":
        options["x265-params"] = "log-level=none"
    return options


class PartEncoder:
    """Encodes frames to a file as they come, as a part of a film that starts with a key frame.

    Args:
        path: of the file of encoded bytes; what they are is kept beside it.
    """

    def __init__(self, file: Any, look: Look, encoding: Encoding) -> None:
        self.file, self.look, self.encoding = file, look, encoding
        self.context: Any = av.CodecContext.create(CODECS[encoding.codec], "w")
        set_up(self.context, look, encoding)
        self.stamps: list[tuple[int, int, int]] = []

    def add(self, luma: Pixels, pts: int, ab: Floats) -> None:
        """Encode a frame: luma (H,W) and ab (h,w,2)."""
        self.write(compose(luma, ab, self.look, self.context.pix_fmt, pts))

    def write(self, frame: Any) -> None:
        """Encode a frame of FFmpeg, or the rest of all.

        Raises:
            InputError: if the encoder refuses.
        """
        try:
            packets = self.context.encode(frame)
        except av.FFmpegError as error:
            codec, look = self.encoding.codec, self.look
            raise InputError(
                f"{codec} cannot encode {look.width} x {look.height} px here: {error.strerror}; "
                "set another codec"
            ) from error
        for packet in packets:
            self.file.write(bytes(packet))
            self.stamps.append((packet.size, packet.pts, packet.is_keyframe))


@contextmanager
def writing_part(path: Path, look: Look, encoding: Encoding) -> Iterator[PartEncoder]:
    """Write an encoded part, whole or not at all: its bytes, and beside them their index."""
    with replacing(path) as beside:
        with beside.open("wb") as file:
            encoder = PartEncoder(file, look, encoding)
            yield encoder
            encoder.write(None)
        with replacing(path.with_suffix(".npy")) as index, index.open("wb") as table:
            np.save(table, np.array(encoder.stamps, np.int64))


def compose(luma: Pixels, ab: Floats, look: Look, form: str, pts: int) -> Any:
    """Join luma (H,W), which stays to the bit, and ab (h,w,2) to a frame of FFmpeg."""
    bits = 10 if "10" in form else 8
    if bits > look.bits:
        luma = luma.astype(np.uint16) << 2
    frame: Any = av.VideoFrame(look.width, look.height, form)
    down, across = (2 if "420" in form else 1), (1 if "444" in form else 2)
    size = (-(-look.width // across), -(-look.height // down))
    planes = [luma, *chroma_planes(luma, ab, look, size, bits)]
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        rows[: values.shape[0], : values.shape[1]] = values
        plane.update(rows)
    frame.pts, frame.time_base = pts, look.time_base
    frame.color_range = FULL_RANGE if look.is_full_range else LIMITED_RANGE
    frame.colorspace = look.colorspace
    return frame


def chroma_planes(
    luma: Pixels, ab: Floats, look: Look, size: tuple[int, int], bits: int
) -> list[Pixels]:
    """Return both planes of chroma, of a width and height, for ab (h,w,2).

    They are those of the colour that has the luma's lightness. Colours that sRGB has not at this
    lightness are brought towards gray; a frame that is truly black has none.
    """
    middle, kind = 2 ** (bits - 1), np.uint8 if bits == 8 else np.uint16
    coarse = resize(luma, size[::-1])
    L = lightness_of(coarse, look._replace(bits=bits))
    if L.max() < BLACK:
        return [np.full(size[::-1], middle, kind)] * 2
    a, b = resize(ab, size[::-1]).reshape(-1, 2).T
    linear = linear_rgb(L.reshape(-1), a, b)
    outside = is_outside(linear)
    if outside.any():
        linear[:, outside] = with_less_chroma(L.reshape(-1)[outside], a[outside], b[outside])
    red, green, blue = gamma_of(linear)
    of_red, of_blue = luma_weights(look)
    gray = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    reach = (2**bits - 1) if look.is_full_range else 224 * 2 ** (bits - 8)
    planes = ((blue - gray) / (2 - 2 * of_blue), (red - gray) / (2 - 2 * of_red))
    return [
        np.rint(plane * reach + middle).clip(0, 2**bits - 1).astype(kind).reshape(size[::-1])
        for plane in planes
    ]


@cache
def gamma_table() -> Floats:
    """Return sRGB, 0..1, of linear light in steps of 1/65535."""
    return encode_gamma(np.arange(65536) / 65535).astype(np.float32)


def gamma_of(linear: Floats) -> Floats:
    """Return sRGB in 0..1 of linear light."""
    index = (linear.clip(0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    return gamma_table()[index]


def luma_weights(look: Look) -> tuple[float, float]:
    """Return the weights of red and blue in luma."""
    if look.colorspace == UNSAID:
        return BT601 if look.height < SMALL else BT709
    return BT601 if look.colorspace in BT601_SPACES else BT709


def read_index(path: Path) -> NDArray[np.int64]:
    """Read the size, time stamp and kind of each packet of a part, (N,3)."""
    found: NDArray[np.int64] = np.load(path.with_suffix(".npy"))
    return found


def decoding_times(pts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return decoding time stamps: rising, and never later than those of showing."""
    shown = np.concatenate(list(pts))
    ordered = np.sort(shown)
    return ordered - max(0, int((ordered - shown).max(initial=0)))


def write_film(
    source: Path,
    target: Path,
    parts: Sequence[Path],
    look: Look,
    encoding: Encoding,
    until: Fraction | None = None,
) -> list[str]:
    """Write a film from its encoded parts, with all other streams of the source, packet by packet.

    Args:
        until: s; what comes later is left out.

    Returns:
        Notes of what the file's format cannot hold.

    Raises:
        InputError: if the format of ``target`` cannot hold the film.
    """
    notes: list[str] = []
    with replacing(target) as beside, open_film(source) as container:
        try:
            with av.open(str(beside), "w", format=format_name(target)) as out:
                out.metadata.update(container.metadata)
                if chapters := container.chapters():
                    out.set_chapters(chapters)
                video: Any = out.add_stream(CODECS[encoding.codec], rate=look.rate)
                set_up(video, look, encoding)
                if look.rotation:
                    video.set_display_rotation(look.rotation)
                colored = find_video(container, source)
                pairs = copied_streams(container, colored, out, notes)
                video.metadata.update(colored.metadata)
                video.disposition = colored.disposition
                out.start_encoding()
                streams = [stream for stream, _ in pairs.values()]
                others = copied_packets(container, streams, pairs, until) if streams else ()
                own = video_packets(parts, video, look.time_base)
                for packet in heapq.merge(own, others, key=time_of):
                    out.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise OSError(error.errno, error.strerror, str(target)) from error
            raise InputError(
                f"{target} cannot hold this film: {error}; an output that ends in .mkv holds all"
            ) from error
    return notes


def format_name(target: Path) -> str:
    """Return FFmpeg's name of the format that a file's name stands for.

    Raises:
        InputError: for a name that stands for none.
    """
    known = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi"}
    found = known.get(target.suffix.lower())
    if found is None:
        raise InputError(f"{target} has no known format of films: {', '.join(known)}")
    return found


def time_of(packet: Any) -> Fraction:
    """Return when a packet is decoded, s."""
    moment = packet.dts if packet.dts is not None else packet.pts
    base: Fraction = packet.time_base
    return (moment or 0) * base


def copied_streams(
    container: Any, video: Any, out: Any, notes: list[str]
) -> dict[int, tuple[Any, Any]]:
    """Add a copy of every stream but ``video``; return both, by the source's index."""
    pairs = {}
    for stream in container.streams:
        if stream.index == video.index:
            continue
        kind = f"stream {stream.index} ({stream.type})"
        try:
            if stream.type == "data":
                notes.append(f"{kind} is left out: it is neither pictures, sound nor subtitles")
                continue
            if stream.type == "attachment":
                out.add_attachment(stream.name, stream.mimetype, stream.data)
                continue
            copy = out.add_stream_from_template(stream, opaque=True)
        except (av.FFmpegError, ValueError) as error:
            notes.append(f"{kind} is left out: {error}; an output that ends in .mkv holds it")
            continue
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        copy.time_base = stream.time_base
        pairs[stream.index] = (stream, copy)
    return pairs


def copied_packets(
    container: Any, streams: Sequence[Any], pairs: dict[int, tuple[Any, Any]], until: Any
) -> Iterator[Any]:
    """Go through the packets of streams as they are."""
    for packet in container.demux(*streams):
        if packet.dts is None and packet.pts is None:
            continue
        if until is not None and time_of(packet) >= until:
            continue
        packet.stream = pairs[packet.stream_index][1]
        yield packet


def video_packets(parts: Sequence[Path], stream: Any, time_base: Fraction) -> Iterator[Any]:
    """Go through the packets of encoded parts, one part in memory at a time."""
    indices = [read_index(path) for path in parts]
    times = iter(decoding_times([index[:, 1] for index in indices]))
    for path, index in zip(parts, indices, strict=True):
        with path.open("rb") as file:
            for size, moment, is_key in index.tolist():
                packet: Any = av.Packet(file.read(size))
                packet.pts, packet.dts = moment, int(next(times))
                packet.time_base, packet.is_keyframe = time_base, bool(is_key)
                packet.stream = stream
                yield packet


def describe_settings(look: Look, encoding: Encoding) -> str:
    """Return what encoded parts depend on, as JSON."""
    return json.dumps([*map(str, look), *encoding])
