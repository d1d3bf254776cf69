"""Colouring photographs, several ways, interleaved in one run on the CPU; medians over the rounds.

    python -m benchmarks.colorize [--model default] [--rounds 7] [--folder 200] [--output FILE]

Photographs are rendered: one of 256 px, one of 12 megapixels, and a folder of 0.3 megapixels each.
A photograph goes through its stages one after the other; a folder as src.colorize takes it, with
reading and writing beside the network. Painting is compiled; how long it takes without Numba stands
beside it. ``file`` is what reading and writing would cost without
colouring: the gray picture decoded, a coloured one encoded.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image
from rich.progress import track

from colorization.cli import command
from colorization.color import lab_to_rgb, to_uint8
from colorization.data.synthetic import SyntheticScenes
from colorization.files.atomic import write_text
from colorization.files.painting import shrink
from colorization.files.reading import read_picture
from colorization.files.writing import write_picture
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import PhotoTask
from colorization.inference.stream import PhotoStream, WritingOptions
from colorization.models.bundle import read_model
from colorization.models.export import FromLightness, write_onnx
from colorization.reports.tables import markdown
from colorization.settings.machine import cores

NUMPY = "painting by NumPy"
STAGES = ("read", "shrink", "network", "paint", "write")
SIZES = {"256 px": (256, 256), "12 megapixels": (3000, 4000)}
FOLDER_SIZE = (480, 640)
FOLDER_ROUNDS = 3
QUALITY = 92
ONNX = "model.onnx"
ANY_SIZE = 10**9


class Stopwatch:
    """Seconds by stage, round by round."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])


def render(path: Path, size: tuple[int, int], index: int) -> None:
    """Write a gray JPEG of a rendered scene with a little noise, as film has."""
    scenes = SyntheticScenes("scenes", 256, 1, 1, index + 1, seed=0)
    L, ab, _ = scenes.scene("test", index)
    gray = to_uint8(lab_to_rgb(L, ab * 0))[0, 0].numpy()
    large = Image.fromarray(gray).resize(size[::-1], Image.Resampling.BICUBIC)
    noise = np.random.default_rng(index).normal(0, 3, size)
    pixels = (np.asarray(large) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=QUALITY)


def colour(colorizer: PhotoColorizer, path: Path, target: Path, watch: Stopwatch) -> None:
    """One photograph, stage by stage."""
    with watch.stage("read"):
        picture = read_picture(path, ANY_SIZE)
    with watch.stage("shrink"):
        small = shrink(picture.lightness, colorizer.size)[None, None]
    with watch.stage("network"):
        (ab,) = colorizer.model.predict(small)
    with watch.stage("paint"), ThreadPoolExecutor(cores()) as threads:
        rgb = colorizer.paint(picture, ab, 8, threads, fused=True)
    with watch.stage(NUMPY), ThreadPoolExecutor(cores()) as threads:
        colorizer.paint(picture, ab, 8, threads, fused=False)
    with watch.stage("write"):
        write_picture(rgb, picture, target, QUALITY)


def only_file(path: Path, target: Path, watch: Stopwatch) -> None:
    """Decode the gray picture, encode a coloured one."""
    rgb = pyvips.Image.new_from_file(str(target)).numpy()
    with watch.stage("file"):
        pyvips.Image.new_from_file(str(path), access="sequential").numpy()
        colored = pyvips.Image.new_from_array(rgb, interpretation="srgb")
        colored.jpegsave(str(target.with_name("again.jpg")), Q=QUALITY)


def folder(colorizer: PhotoColorizer, works: list[PhotoTask]) -> tuple[float, float]:
    """Photographs a second, and the share of all cores that is busy."""
    start, busy = time.perf_counter(), time.process_time()
    stream = PhotoStream(colorizer, WritingOptions(QUALITY, False, ANY_SIZE), cores())
    assert not any(outcome.error for outcome in stream.run(works))
    seconds = time.perf_counter() - start
    return len(works) / seconds, (time.process_time() - busy) / seconds / cores()


def ways(model: str, place: Path, threads: int | None) -> dict[str, PhotoColorizer]:
    """Eager float32, what src.colorize does without being told otherwise, and onnxruntime."""
    load = partial(PhotoColorizer.load, device="cpu", threads=threads)
    return {
        "eager float32": load(model, precision="32-true"),
        "default": load(model),
        "onnxruntime": load(str(place / ONNX)),
    }


def measure(model: str, rounds: int, count: int) -> str:
    """The tables as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_onnx(read_model(model), place / ONNX, FromLightness, [])
        found = ways(model, place, None)
        text = f"### Colouring with `{model}` on {os.cpu_count()} CPU cores, medians of {rounds}\n"
        for title, size in SIZES.items():
            path = place / "in.jpg"
            render(path, size, 0)
            text += f"\n{title}, ms:\n\n" + photograph(found, path, rounds)
        sources = [place / f"{index}.jpg" for index in range(count)]
        for index, source in enumerate(sources):
            render(source, FOLDER_SIZE, index % 16)
        text += f"\nA folder of {count} photographs of {FOLDER_SIZE[1]} x {FOLDER_SIZE[0]} px:\n\n"
        text += folders(ways(model, place, 1), sources)
    return text


def photograph(found: Mapping[str, PhotoColorizer], path: Path, rounds: int) -> str:
    """Milliseconds of one photograph by way and stage."""
    watches = {way: Stopwatch() for way in found}
    target = path.with_name("out.jpg")
    for _ in track(range(rounds + 1), path.name, transient=True):
        for way, colorizer in found.items():
            colour(colorizer, path, target, watches[way])
            only_file(path, target, watches[way])
    for watch in watches.values():  # the first round warms up
        watch.seconds = {name: seconds[1:] for name, seconds in watch.seconds.items()}
    rows = []
    for way, watch in watches.items():
        stages = [watch.median(stage) for stage in STAGES]
        whole, file, numpy = sum(stages), watch.median("file"), watch.median(NUMPY)
        cells = [f"{1000 * seconds:,.1f}" for seconds in (*stages, whole, file, numpy)]
        rows.append([way, *cells, f"{whole / file:.1f}"])
    return markdown(["way", *STAGES, "whole", "file", NUMPY, "whole / file"], rows)


def folders(found: Mapping[str, PhotoColorizer], sources: Sequence[Path]) -> str:
    """Photographs a second of a folder, and how busy it keeps the cores."""
    measured: dict[str, list[tuple[float, float]]] = {way: [] for way in found}
    works = [PhotoTask(source, source.with_suffix(".out.jpg")) for source in sources]
    for _ in track(range(FOLDER_ROUNDS), "folders", transient=True):
        for way, colorizer in found.items():
            measured[way].append(folder(colorizer, works))
    rows = [
        [way, *(f"{statistics.median(values):.2f}" for values in zip(*of, strict=True))]
        for way, of in measured.items()
    ]
    return markdown(["way", "photographs/s", "share of the cores that is busy"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=int, default=200, help="photographs in the folder")
    parser.add_argument("--output", type=Path, help="Markdown file for the tables")
    options = parser.parse_args()
    with command.one_line_errors():
        text = measure(options.model, options.rounds, options.folder)
    print(text)
    if options.output:
        write_text(text, options.output)


if __name__ == "__main__":
    main()
