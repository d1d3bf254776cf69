"""Other streams stay, odd sources are recognised, and what cannot be done leaves nothing behind."""

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from colorization.errors import InputError
from colorization.video.film import read_look
from tests.support.command_line import ROOT
from tests.video.test_film import Make, color, luma, probe, sound, stamps

__all__ = ["color"]  # the fixture

SUBTITLES = "1\n00:00:00,100 --> 00:00:00,400\nA red square passes.\n"


def ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True)


def streams_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return list(probe(path, "-select_streams", kind, "-show_streams")["streams"])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow above so many bytes: a write fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handled)


def test_subtitles_attachments_and_languages_stay(
    make_film: Make, color: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES)
    (tmp_path / "font.ttf").write_bytes(bytes(range(256)) * 8)
    source = tmp_path / "source.mkv"
    ffmpeg(
        *("-i", make_film("film.mkv"), "-i", tmp_path / "said.srt", "-attach"),
        *(tmp_path / "font.ttf", "-metadata:s:t", "mimetype=application/x-truetype-font"),
        *("-metadata:s:s:0", "language=deu", "-map", "0", "-map", "1", "-c", "copy", source),
    )
    target = color(source, "out.mkv")
    (subtitles,) = streams_of(target, "s")
    assert subtitles["codec_name"] == "subrip"
    assert subtitles["tags"]["language"] == "deu"
    ffmpeg("-i", target, tmp_path / "again.srt")
    assert (tmp_path / "again.srt").read_text().strip() == SUBTITLES.strip()
    (attached,) = streams_of(target, "t")
    assert attached["tags"]["filename"] == "font.ttf"
    assert attached["tags"]["mimetype"] == "application/x-truetype-font"
    dumped = tmp_path / "dumped.ttf"
    ffmpeg("-dump_attachment:t:0", dumped, "-i", target, "-frames:v", "1", "-f", "null", "-")
    assert dumped.read_bytes() == (tmp_path / "font.ttf").read_bytes()


def test_what_a_format_cannot_hold_is_named(
    make_film: Make, color: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES)
    source = tmp_path / "source.mkv"
    words = ("-map", "0", "-map", "1", "-c", "copy", source)
    ffmpeg("-i", make_film("film.mkv"), "-i", tmp_path / "said.srt", *words)
    with caplog.at_level("INFO"):
        target = color(source, "out.mp4")
    assert "(subtitle) is left out" in caplog.text
    assert sound(target) == sound(source)


def test_the_shape_of_pixels_stays(
    make_film: Make, color: Callable[..., Path], tmp_path: Path
) -> None:
    source = tmp_path / "wide.mp4"
    ffmpeg("-i", make_film(frames=4), "-vf", "setsar=16/15", "-c:a", "copy", source)
    for name in ("out.mp4", "out.mkv"):
        (stream,) = streams_of(color(source, name), "v")
        assert stream["sample_aspect_ratio"] == "16:15"


def test_an_interlaced_film_is_recognised_and_its_combs_go(
    make_film: Make, color: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "fields.mkv"
    ffmpeg(
        *("-i", make_film("film.mkv", frames=24), "-vf", "tinterlace=interleave_top,setfield=tff"),
        *("-flags", "+ildct+ilme", "-x264opts", "tff=1", "-crf", "5", "-c:a", "copy", source),
    )
    assert read_look(source).is_interlaced
    assert not read_look(tmp_path / "film.mkv").is_interlaced
    with caplog.at_level("INFO"):
        target = color(source, "out.mkv", codec="ffv1")
    assert "is interlaced" in caplog.text
    (stream,) = streams_of(target, "v")
    assert stream.get("field_order", "progressive") in ("progressive", "unknown")
    assert len(stamps(target)) == len(stamps(source))

    def combs(path: Path) -> float:
        rows = np.stack(luma(path)[2:-2]).astype(float)
        return float(np.abs(rows[:, 1:-1] - (rows[:, :-2] + rows[:, 2:]) / 2).mean())

    assert combs(target) < 0.8 * combs(source)


def test_an_unknown_codec_gets_one_line(
    make_film: Make, color: Callable[..., Path], tmp_path: Path
) -> None:
    source = tmp_path / "odd.avi"
    ffmpeg("-i", make_film(frames=4), "-c:v", "mjpeg", "-an", source)
    source.write_bytes(source.read_bytes().replace(b"MJPG", b"XYZW"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"odd.avi has an unknown video codec; convert it first"):
        color(source)
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_named_and_the_work_goes_on_afterwards(
    make_film: Make, color: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_film(frames=16, cut=8)
    with pytest.raises(OSError, match=r"shot-0000[12]\.(bin|npy)") as raised, largest_file(900):
        color(source)
    assert raised.value.errno == errno.EFBIG
    assert not (tmp_path / "out.mp4").exists()
    target = color(source, keyframes=str(tmp_path / "keys"))
    before = target.read_bytes()
    with pytest.raises(OSError, match=r"out\.mp4") as raised, largest_file(3000):
        color(source, keyframes=str(tmp_path / "keys"), overwrite=True)
    assert raised.value.errno == errno.EFBIG
    assert target.read_bytes() == before  # what was there stays
    assert not list(tmp_path.rglob(".writing-*"))


def test_an_output_that_cannot_be_written_gets_one_line(make_film: Make, tmp_path: Path) -> None:
    source = make_film(frames=3)
    (tmp_path / "file").touch()
    words = [sys.executable, "-m", "src.video", str(source), "-o", str(tmp_path / "file/out.mp4")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "file" in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_ten_seconds_from_end_to_end(make_film: Make, tmp_path: Path) -> None:
    """640 x 360 px with two shots and sound, seen by ffprobe, within stated memory and time."""
    source, target = make_film(frames=250, size=(640, 360), cut=120), tmp_path / "new.mp4"
    words = [sys.executable, "-m", "src.video", str(source), "-o", str(target), "--device", "cpu"]
    process = subprocess.Popen(words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    seconds = used.ru_utime + used.ru_stime
    print(f"{used.ru_maxrss / 1e6:.2f} GB, {seconds / 250 * 1000:.0f} ms of CPU a frame")
    assert used.ru_maxrss * 1024 < 1.5e9
    assert 250 / seconds > 2.5  # 5 frames/s on two cores
    assert stamps(target) == stamps(source)
    assert sound(target) == sound(source)
    (old,), (new,) = (streams_of(path, "v") for path in (source, target))
    for name in ("width", "height", "pix_fmt", "nb_frames", "duration", "avg_frame_rate"):
        assert new[name] == old[name]
    with av.open(str(target)) as film:
        colors = [frame.reformat(format="yuv444p") for frame in film.decode(video=0)][::50]
    for frame in colors:
        planes = [np.frombuffer(plane, np.uint8).astype(float) - 128 for plane in frame.planes[1:]]
        assert np.hypot(*planes).mean() > 1
