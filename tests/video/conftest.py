"""Films that are rendered here: moving scenes whose colours are known."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from colorization.inference.photo_colorizer import PhotoColorizer

TICKS = Fraction(1, 90000)


@pytest.fixture(scope="session")
def colorizer() -> PhotoColorizer:
    """The shipped model, at a size that takes no time."""
    return PhotoColorizer.load(size=32, device="cpu", precision="32-true")


def render_scene(index: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Render a frame (H,W,3) of a textured scene in which a red square passes in front."""
    width, height = size
    random = np.random.default_rng(seed)
    coarse = random.uniform(0.3, 0.9, (height // 8 + 2, width // 8 + 2))
    texture = np.kron(coarse, np.ones((8, 8)))[:height, :width]
    tint = np.array([0.5, 0.8, 1.0]) if seed % 2 == 0 else np.array([1.0, 0.9, 0.4])
    frame = texture[..., None] * tint
    side, left = height // 3, 2 * index % width
    square = np.kron(random.uniform(0.5, 1, (side // 4 + 1, side // 4 + 1)), np.ones((4, 4)))
    patch = square[:side, : min(side, width - left)]
    frame[height // 3 : height // 3 + side, left : left + side] = patch[..., None] * [1, 0.2, 0.2]
    return np.rint(frame * 255).astype(np.uint8)


class Film(NamedTuple):
    """What to render: see :func:`render_film`."""

    frames: int = 20
    size: tuple[int, int] = (96, 64)
    pts: Sequence[int] | None = None
    cut: int | None = None
    black: range = range(0)
    sound: bool = True
    rotation: int = 0
    form: str = "yuv420p"
    codec: str = "libx264"
    full_range: bool = False


def render_film(path: Path, film: Film) -> Path:
    """Render a film of 25 frames a second, with a tone as sound."""
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(film.codec, rate=25)
        video.width, video.height, video.pix_fmt = *film.size, film.form
        video.codec_context.time_base = TICKS
        video.codec_context.color_range = 2 if film.full_range else 1
        if film.codec == "libx264":
            video.options = {"crf": "10"}
        if film.rotation:
            video.set_display_rotation(film.rotation)
        sound: Any = out.add_stream("aac", rate=44100, layout="mono") if film.sound else None
        out.metadata["title"] = "A moving scene"
        if path.suffix == ".mkv":
            out.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 400,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "first"},
                    }
                ]
            )
        for index in range(film.frames):
            is_second = film.cut is not None and index >= film.cut
            rgb = render_scene(index, film.size, seed=1 if is_second else 0)
            if index in film.black:
                rgb[:] = 0
            frame: Any = av.VideoFrame.from_ndarray(rgb, "rgb24")
            how = {"dst_color_range": 2 if film.full_range else 1}
            frame = frame.reformat(format=film.form, **how)
            frame.pts = film.pts[index] if film.pts else index * 3600
            frame.time_base = TICKS
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound:
            tone = np.sin(2 * np.pi * 440 * np.arange(44100 * film.frames // 25) / 44100)
            for start in range(0, len(tone), 1024):
                part = tone[None, start : start + 1024].astype(np.float32)
                heard: Any = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 44100, start
                out.mux(sound.encode(heard))
            out.mux(sound.encode(None))
    return path


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Render a film in a temporary folder."""

    def make(name: str = "film.mp4", **settings: Any) -> Path:
        return render_film(tmp_path / name, Film(**settings))

    return make
