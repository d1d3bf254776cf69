"""Read a film frame by frame: its own luma at full size and depth, and what else must be kept."""

import heapq
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from colorization.errors import InputError
from colorization.files.painting import Floats, Pixels

log = logging.getLogger(__name__)

FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG
LIMITED_RANGE = 1
BLACK = 3.0  # L of the brightest pixel of a frame that is truly black
LARGEST_SIDE = 16384
COLORED = 4.0  # mean distance of chroma from neutral, of 255


class Look(NamedTuple):
    """How a film's frames are coded, which its coloured frames keep.

    ``rotation`` is counter-clockwise in degrees; ``bits`` of a channel.
    """

    width: int
    height: int
    bits: int
    is_full_range: bool
    rotation: int
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    colorspace: int
    primaries: int
    transfer: int
    is_interlaced: bool


class Frame(NamedTuple):
    """A frame: luma (H,W), uint8 or uint16, its time stamp, and whether it was damaged."""

    luma: Pixels
    pts: int
    is_damaged: bool


@contextmanager
def open_film(path: Path) -> Iterator[Any]:
    """Open a film with FFmpeg.

    Raises:
        InputError: if it is not there, or no film that can be read.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a film's file")
    if path.is_file() and not path.stat().st_size:
        raise InputError(f"{path} is empty; fetch it again")
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; check the path") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a film that can be read: {words_of(error)}") from error
    with container:
        if container.format.name.endswith("_pipe") or container.format.name == "image2":
            raise InputError(f"{path} is a picture; colour it with: colorization colorize {path}")
        yield container


def words_of(error: Exception) -> str:
    """Return FFmpeg's words for an error, without its number."""
    return str(getattr(error, "strerror", None) or error)


def find_video(container: Any, path: Path) -> Any:
    """Return the main stream of moving pictures.

    Raises:
        InputError: if there is none, or nothing can decode it.
    """
    cover = av.stream.Disposition.attached_pic
    found = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not found:
        raise InputError(f"{path} has no moving pictures, only {count_streams(container)}")
    best = container.streams.best("video")
    stream = best if best in found else found[0]
    if stream.codec_context is None:
        raise InputError(f"{path} has an unknown video codec; convert it first")
    stream.thread_type = "AUTO"
    return stream


def count_streams(container: Any) -> str:
    """Say how many streams of each type there are."""
    types = [stream.type for stream in container.streams]
    return ", ".join(f"{types.count(kind)} of {kind}" for kind in sorted(set(types))) or "nothing"


def read_look(path: Path) -> Look:
    """Read how a film is coded, from its first frame.

    Raises:
        InputError: if no frame can be decoded.
    """
    with open_film(path) as container:
        stream = find_video(container, path)
        first = next(iter(decode(container, stream)), None)
        if first is None:
            raise InputError(
                f"{path}: none of its frames can be decoded; it is damaged or encrypted"
            )
        frame = first[0]
        bits = max(part.bits for part in frame.format.components)
        is_gray = frame.format.name.startswith("gray")
        is_full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
        return Look(
            frame.width,
            frame.height,
            8 if bits <= 8 else 10,
            is_full or (is_gray and frame.color_range != LIMITED_RANGE),
            round(frame.rotation),
            stream.time_base,
            stream.average_rate or stream.guessed_rate or Fraction(25),
            stream.sample_aspect_ratio,
            frame.colorspace,
            frame.color_primaries,
            frame.color_trc,
            frame.interlaced_frame,
        )


def decode(container: Any, stream: Any) -> Iterator[tuple[Any, bool]]:
    """Decode a film's frames by time; where one is lost, the one before comes again.

    Yields:
        A frame of FFmpeg, whose ``pts`` may be set anew, and whether it was damaged.
    """
    lost: list[int] = []
    last, index = None, 0
    step = 1 / (stream.average_rate or stream.guessed_rate or Fraction(25)) / stream.time_base
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.FFmpegError:
            if packet is not None and packet.pts is not None:
                heapq.heappush(lost, packet.pts)
            if not isinstance(packet, av.Packet) or packet.size == 0:
                return
            continue
        for frame in frames:
            if frame.pts is None:
                frame.pts = round(index * step)
            while lost and lost[0] < frame.pts:
                again = heapq.heappop(lost)
                if last is not None:
                    own = last.pts
                    last.pts = again
                    yield last, True
                    last.pts = own
                    index += 1
            if lost and lost[0] == frame.pts:
                heapq.heappop(lost)
            yield frame, bool(frame.is_corrupt)
            last, index = frame, index + 1


def read_frames(path: Path, look: Look) -> Iterator[Frame]:
    """Read a film's frames in the order of their time stamps, deinterlaced if need be."""
    with open_film(path) as container:
        stream = find_video(container, path)
        latest = None
        for frame, is_damaged in deinterlaced(decode(container, stream), look):
            if (frame.width, frame.height) != (look.width, look.height):
                frame = frame.reformat(look.width, look.height)
            if latest is not None and frame.pts <= latest:
                continue  # two frames of one time stamp: no container holds both
            latest = frame.pts
            yield Frame(luma_of(frame, look), frame.pts, is_damaged)


def deinterlaced(frames: Iterator[tuple[Any, bool]], look: Look) -> Iterator[tuple[Any, bool]]:
    """Deinterlace frames, where a film has fields (FFmpeg's ``bwdif``, one frame for two)."""
    if not look.is_interlaced:
        yield from frames
        return
    graph: Any = None
    damaged: dict[int, bool] = {}
    for frame, is_damaged in frames:
        if graph is None:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format.name,
                time_base=look.time_base,
            )
            bwdif = graph.add("bwdif", "mode=send_frame:deint=all")
            sink = graph.add("buffersink")
            source.link_to(bwdif)
            bwdif.link_to(sink)
            graph.configure()
        damaged[frame.pts] = is_damaged
        graph.push(frame)
        yield from drain(graph, damaged)
    if graph is not None:
        graph.push(None)
        yield from drain(graph, damaged)


def drain(graph: Any, damaged: dict[int, bool]) -> Iterator[tuple[Any, bool]]:
    """Take from a filter what it has ready."""
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError, av.FFmpegError):
            return
        yield frame, damaged.pop(frame.pts, False)


def luma_of(frame: Any, look: Look) -> Pixels:
    """Return the luma of a frame of FFmpeg (H,W), uint8, or uint16 of 10 bits."""
    name = frame.format.name
    is_planar = name.startswith(("yuv4", "yuvj4", "yuva4", "gray", "nv12"))
    bits = frame.format.components[0].bits
    if not is_planar or bits != look.bits or name.endswith("be"):
        target = "yuv420p" if look.bits == 8 else "yuv420p10le"
        frame = frame.reformat(format=target)
    plane = frame.planes[0]
    kind = np.dtype(np.uint8 if look.bits == 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    luma: NDArray[Any] = rows[: frame.height, : frame.width].copy()
    return luma


@cache
def lightness_table(bits: int, is_full_range: bool) -> Floats:
    """Return L in 0..100 of every luma value, read as gray of sRGB."""
    values = np.arange(2**bits, dtype=np.float64)
    if is_full_range:
        gray = values / (2**bits - 1)
    else:
        unit = 2 ** (bits - 8)
        gray = ((values - 16 * unit) / (219 * unit)).clip(0, 1)
    linear = np.where(gray > 0.04045, ((gray + 0.055) / 1.055) ** 2.4, gray / 12.92)
    root = np.where(linear > (6 / 29) ** 3, np.cbrt(linear), linear * 841 / 108 + 4 / 29)
    return np.asarray((116 * root - 16).clip(0, 100), np.float32)


def lightness_of(luma: Pixels, look: Look) -> Floats:
    """Return L (H,W) in 0..100 of luma."""
    table = lightness_table(look.bits, look.is_full_range)
    return np.asarray(table[np.minimum(luma, 2**look.bits - 1)])


def has_colors(path: Path) -> bool:
    """Tell whether a film's first frame has colours of its own."""
    with open_film(path) as container:
        found = next(iter(decode(container, find_video(container, path))), None)
        if found is None or found[0].format.name.startswith("gray"):
            return False
        planes = found[0].reformat(format="yuv444p").planes[1:]
        chroma = [np.frombuffer(plane, np.uint8).astype(np.float32) - 128 for plane in planes]
        return float(np.hypot(*chroma).mean()) > COLORED
