"""Nothing of a film is lost: sound, time stamps, lightness, rotation, size, depth and range."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from colorization.errors import InputError
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.video.run import colorize_film
from colorization.video.shot_colorizer import ShotColorizer

Make = Callable[..., Path]


def silent(items: Any, what: str, total: Any) -> Any:
    return items


@pytest.fixture
def color(colorizer: PhotoColorizer) -> Callable[..., Path]:
    def run(source: Path, name: str = "out.mp4", **settings: Any) -> Path:
        target = source.parent / name
        colorize_film(str(source), str(target), colorizer=colorizer, progress=silent, **settings)
        return target

    return run


def probe(path: Path, *words: str) -> Any:
    """Ask ffprobe, which shares no code with the package."""
    command = ["ffprobe", "-v", "error", "-of", "json", *words, str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def stamps(path: Path) -> list[float]:
    found = probe(path, "-select_streams", "v:0", "-show_entries", "frame=pts_time")
    return [float(frame["pts_time"]) for frame in found["frames"]]


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        planes = []
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
            rows = np.frombuffer(plane, kind).reshape(frame.height, -1)
            planes.append(rows[:, : frame.width].copy())
        return planes


def sound(path: Path) -> str:
    """A hash of the packets of sound."""
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(audio=0) if p.size]
    return hashlib.sha256(b"".join(packets)).hexdigest()


def chroma_of(path: Path, index: int) -> float:
    with av.open(str(path)) as container:
        frame = list(container.decode(video=0))[index].reformat(format="yuv444p")
        planes = [np.frombuffer(plane, np.uint8).astype(float) - 128 for plane in frame.planes[1:]]
    return float(np.abs(planes).max())


def test_sound_chapters_metadata_and_every_bit_of_lightness_stay(
    make_film: Make, color: Callable[..., Path]
) -> None:
    source = make_film("old.mkv", frames=24, cut=12)
    target = color(source, "new.mkv", codec="ffv1")
    assert sound(target) == sound(source)
    for old, new in zip(luma(source), luma(target), strict=True):
        np.testing.assert_array_equal(old, new)
    found = probe(target, "-show_chapters", "-show_format")
    assert found["chapters"][0]["tags"]["title"] == "first"
    assert found["format"]["tags"]["title"] == "A moving scene"
    assert chroma_of(target, 5) > 3
    assert not list(source.parent.glob("new.mkv.shots"))


def test_time_stamps_of_a_variable_frame_rate_are_the_sources(
    make_film: Make, color: Callable[..., Path]
) -> None:
    pts = np.cumsum([0, *[3600, 1800, 9000, 3003] * 5]).tolist()
    source = make_film(frames=21, pts=pts, cut=10)
    assert (
        stamps(color(source)) == stamps(source) == pytest.approx([p / 90000 for p in pts], abs=1e-6)
    )


@pytest.mark.parametrize("size", [(97, 64), (96, 65), (95, 63)])
def test_odd_sizes_stay(size: tuple[int, int], make_film: Make, color: Callable[..., Path]) -> None:
    source = make_film("odd.mkv", size=size, form="yuv444p", frames=4)
    for name, codec in (("a.mp4", "h264"), ("b.mkv", "ffv1")):
        (stream,) = probe(
            color(source, name, codec=codec), "-select_streams", "v", "-show_streams"
        )["streams"]
        assert (stream["width"], stream["height"]) == size


def test_ten_bits_full_range_and_rotation_stay(make_film: Make, color: Callable[..., Path]) -> None:
    source = make_film(form="yuv420p10le", full_range=True, rotation=90, frames=6, sound=False)
    target = color(source, codec="h264", quality=1)
    (old,), (new,) = (
        probe(path, "-select_streams", "v", "-show_streams")["streams"] for path in (source, target)
    )
    for name in ("pix_fmt", "color_range", "side_data_list"):
        assert new[name] == old[name]
    assert new["pix_fmt"] == "yuv420p10le"
    assert new["color_range"] == "pc"
    differences = [
        abs(a.astype(int) - b).mean() for a, b in zip(luma(source), luma(target), strict=True)
    ]
    assert max(differences) < 2  # of 1023


def test_black_frames_stay_black(make_film: Make, color: Callable[..., Path]) -> None:
    source = make_film(frames=12, black=range(4, 8))
    target = color(source, "out.mkv", codec="ffv1")
    assert chroma_of(target, 5) == 0
    assert chroma_of(target, 10) > 3


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mkv", "ffv1")])
def test_an_interrupted_film_goes_on_by_shot(
    suffix: str,
    codec: str,
    make_film: Make,
    color: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """128 px wide: x264 is not deterministic where a row is not a multiple of 8 macroblocks."""
    source = make_film(frames=24, cut=12, size=(128, 96))
    whole, name = color(source, f"whole.{suffix}", codec=codec), f"out.{suffix}"
    seen: list[int] = []
    colored = ShotColorizer.colorize

    def until_second(self: ShotColorizer, *words: Any) -> Any:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return colored(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(ShotColorizer, "colorize", until_second)
        with pytest.raises(KeyboardInterrupt):
            color(source, name, codec=codec)
        assert "interrupted; run the same command again to go on" in caplog.text
        assert not (source.parent / name).exists()
        assert (source.parent / f"{name}.shots").is_dir()
        again = color(source, name, codec=codec)
    assert len(seen) == 3  # the first shot was not coloured again
    assert stamps(again) == stamps(whole)
    for one, other in zip(luma(again), luma(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert decoded(again) == decoded(whole)


def decoded(path: Path) -> str:
    """FFmpeg's hash of all decoded frames, colours too."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-f", "hash", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def test_a_damaged_film_is_colored_to_its_end(
    make_film: Make, color: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    source = make_film("film.mkv", frames=30, sound=False)
    damaged = source.with_name("damaged.mkv")
    with av.open(str(source)) as container, av.open(str(damaged), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for index, packet in enumerate(container.demux(video=0)):
            if not packet.size:
                continue
            if index in (9, 10):
                packet.update(bytes(packet)[:20].ljust(packet.size, b"\0"))
            packet.stream = stream
            out.mux(packet)
    with caplog.at_level("WARNING"):
        target = color(damaged)
    assert "is damaged" in caplog.text
    assert stamps(target) == stamps(source)


BAD = {
    "empty.mp4": (b"", "is empty"),
    "text.mp4": (b"no film at all " * 100, "not a film"),
    "none.mp4": (None, "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_film_gets_one_line(
    name: str, tmp_path: Path, color: Callable[..., Path]
) -> None:
    content, said = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        color(tmp_path / name, "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ([name] if content is not None else [])


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_picture_is_no_film(suffix: str, tmp_path: Path, color: Callable[..., Path]) -> None:
    path = tmp_path / f"one.{suffix}"
    Image.new("L", (32, 24), 90).save(path)
    with pytest.raises(InputError, match="is a picture; colour it with: colorization colorize"):
        color(path, "out.mp4")


def test_bad_targets_get_one_line(make_film: Make, color: Callable[..., Path]) -> None:
    source = make_film(frames=3)
    with pytest.raises(InputError, match="is the input too"):
        color(source, source.name)
    with pytest.raises(InputError, match="no known format"):
        color(source, "film.txt")
    (source.parent / "there.mp4").touch()
    with pytest.raises(InputError, match="is there already"):
        color(source, "there.mp4")


def test_sound_alone_is_no_film(tmp_path: Path, color: Callable[..., Path]) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("aac", rate=44100, layout="mono")
        for start in range(0, 10240, 1024):
            frame: Any = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 44100, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match="no moving pictures, only 1 of audio"):
        color(path)
