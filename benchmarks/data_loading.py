"""How soon photographs are there: decoded every time, or out of a mapped file.

    python -m benchmarks.data_loading [--folder data] [--photographs 20000] [--output FILE]
    python -m benchmarks.data_loading --scale 1000 10000 100000 [--picture FILE.svg] [--output FILE]

Makes JPEG files of 500 x 375 px, which is usual for ImageNet, from crops of the photographs below a
folder, and takes them through each way at 128 px, in a process of its own. Two epochs are
read: the first after the files were dropped from the page cache. Then it works out what an epoch of
ImageNet would take.

With ``--scale``: how soon a training on so many JPEG files of 256 px makes its first step, how
quick its steps are, and its memory, each in a process of its own.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure
from PIL import Image, ImageChops
from rich.progress import track
from torch import Tensor

from colorization.cli.command import one_line_errors
from colorization.data.batches import BatchShares, PixelDataset, ResumableLoader
from colorization.data.cache import load_mapped
from colorization.data.folders import PhotographFolder, list_photographs
from colorization.data.photographs import Source, read_ahead
from colorization.files.atomic import replacing, write_text
from colorization.models import hardware
from colorization.reports.tables import markdown
from colorization.settings.commands import Train
from colorization.settings.compose import CONF, parse_config, register
from colorization.training.callbacks import EpochProgress
from colorization.training.run import build_parts, make_ready, quieten_lightning
from colorization.training.trainer import make_trainer

SIDES = (500, 375)  # px
SIZE = 128  # px
BATCH = 64
MAX_PIXELS = 10**8
FRESH: BaseContext = multiprocessing.get_context("spawn")
SAMPLED = 0.02  # s between looks at the memory

SIDE = 256  # px of the files that a training starts with
DISTINCT = 2_000  # crops; other files are crops that are moved round
WARMUP, STEPS = 5, 20  # steps of a training that are left out, and measured
WORDS = ("network=unet", "network.width=8", "data.batch_size=16", f"dataset.size={SIZE}")


def make_photographs(
    source: Path, folder: Path, count: int, sides: tuple[int, int] = SIDES
) -> None:
    """Save crops of the photographs of a folder, each at a place and of a size of its own."""
    names = list_photographs(source)

    def make(index: int) -> None:
        chance = random.Random(index)
        with Image.open(source / names[index % len(names)]) as image:
            width, height = (side * chance.uniform(0.6, 1) for side in image.size)
            left, top = (
                chance.uniform(0, image.width - width),
                chance.uniform(0, image.height - height),
            )
            box = (left, top, left + width, top + height)
            image.convert("RGB").resize(sides, box=box).save(folder / f"{index}.jpg", quality=90)

    made = read_ahead(make, range(count), depth=64)
    for _ in track(made, "making photographs", count, transient=True):
        pass


class Memory(threading.Thread):
    """Looks at the memory that is this process's own and no file's, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = own_memory()
        self.samples: list[float] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(SAMPLED):
            self.samples.append(own_memory() - self.before)

    def peaks(self) -> tuple[float, float]:
        """In MB: in the first quarter of the time, and in all."""
        self.stopped.set()
        self.join()
        samples = [*self.samples, own_memory() - self.before]
        return max(samples[: max(1, len(samples) // 4)]), max(samples)


def own_memory() -> float:
    """Resident memory that is not of a file, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class Measured(NamedTuple):
    """Images/s of each time through, and the peaks of the process's own memory in MB."""

    rates: list[float]
    early: float
    peak: float


def measure(way: str, folder: Path) -> Measured:
    """Go through all photographs one way, in this process."""
    work, rounds, reads = WAYS[way]
    work(folder / "few", 1)  # what is loaded and allocated once
    memory = Memory()
    memory.start()
    rates = []
    for number in range(rounds):
        if number == 0:
            for part in reads:
                drop_from_page_cache(folder / part)
        start = time.perf_counter()
        count = work(folder, number)
        rates.append(count / (time.perf_counter() - start))
    return Measured(rates, *memory.peaks())


def drop_from_page_cache(path: Path) -> None:
    """Have a file, or all below a folder, read from disk next time."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def decode(folder: Path, epoch: int) -> int:
    """Decode in threads, in an order of the epoch's own, and stack batches."""
    photographs = source_of(folder)
    names = list(photographs.names)
    random.Random(epoch).shuffle(names)
    waiting: list[Tensor] = []
    for rgb in read_ahead(photographs.read, names, depth=BATCH):
        waiting.append(rgb)
        if len(waiting) == BATCH:
            torch.stack(waiting)
            waiting = []
    return len(names)


def source_of(folder: Path) -> Source:
    """The photographs of a folder, as the cache is asked for them."""
    whole = PhotographFolder(
        name="crops", root=str(folder / "jpeg"), size=SIZE, train=None, val=None, test=None,
        split_seed=0, max_pixels=MAX_PIXELS,
    )  # fmt: skip
    return Source.of_split(whole, "all")


def map_once(folder: Path, _: int) -> int:
    return len(load_mapped(source_of(folder), folder / "map.uint8").names)


def read_map(folder: Path, epoch: int) -> int:
    """Batches out of the mapped file, in an order of the epoch's own."""
    pixels = PixelDataset(load_mapped(source_of(folder), folder / "map.uint8").pixels)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(epoch))
    return sum(len(batch) for batch in ResumableLoader(pixels, BatchShares(order.tolist(), BATCH)))


WAYS: dict[str, tuple[Callable[[Path, int], int], int, tuple[str, ...]]] = {
    "JPEG files, decoded every epoch": (decode, 2, ("jpeg",)),
    "mapped file, decoded into once": (map_once, 1, ("jpeg",)),
    "mapped file, an epoch": (read_map, 2, ("map.uint8",)),
}
"""What is done, how often, and the files that are dropped from the page cache before."""


def measure_all(source: Path, count: int) -> str:
    """Each way in a process of its own, one after the other, as Markdown."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, number in ((folder, count), (folder / "few", 64)):
            (part / "jpeg").mkdir(parents=True)
            make_photographs(source, part / "jpeg", number)
        size = sum(path.stat().st_size for path in (folder / "jpeg").iterdir()) / count
        for way in WAYS:
            with FRESH.Pool(1) as pool:
                found[way] = pool.apply(measure, (way, folder))
    return report(found, count, size)


def report(found: dict[str, Measured], count: int, size: float) -> str:
    """The table, and the estimate of :mod:`benchmarks.imagenet`."""
    from benchmarks.imagenet import estimate

    def cells(way: str, one: Measured) -> list[Any]:
        rates = [f"{rate:,.0f}" for rate in one.rates] + ["-"] * (2 - len(one.rates))
        return [way, *rates, f"{one.early:,.0f}", f"{one.peak:,.0f}"]

    side, other = SIDES
    uint8 = 3 * SIZE**2 * count / 1e9
    title = (
        f"### {count:,} photographs at {SIZE} px, batches of {BATCH}, {os.cpu_count()} cores\n\n"
        f"JPEG files of {side} x {other} px and {size / 1000:.0f} kB, made from crops; "
        f"{uint8:.2f} GB as uint8. Memory is what the process\ntakes itself, without the pages of "
        "files, above what it had before.\n\n"
    )
    header = (
        *("way", "images/s, from disk", "again, from the page cache"),
        *("memory in the first quarter, MB", "in all, MB"),
    )
    table = markdown(header, [cells(way, one) for way, one in found.items()])
    decoded, built, read = found.values()
    return (
        title
        + table
        + estimate(
            decode=decoded.rates[-1] / (os.cpu_count() or 1),
            build=built.rates[0] / (os.cpu_count() or 1),
            read=read.rates[-1],
        )
    )


KEPT: dict[str, tuple[float, bool]] = {
    "in memory": (1, True),
    "in a mapped file, made first": (0, True),
    "in a mapped file of an earlier run": (0, False),
}
"""How a training keeps photographs: ``data.max_memory``, and whether it starts anew."""


class Begun(NamedTuple):
    """A training's seconds to its first step, images/s from then on, and its memory in MB.

    ``work`` is what the first step took of all cores, in s: others at work change it less.
    """

    seconds: float
    rate: float
    peak: float
    work: float


class Enough(Exception):  # noqa: N818
    """All steps are measured."""


class Steps(pl.Callback):
    """Takes the time of each step, and ends the training after so many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.ends: list[float] = []
        self.work = 0.0

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())
        self.work = self.work or time.process_time()
        if len(self.ends) == self.most:
            raise Enough


def begin(root: Path, cache: Path, share: float, words: Sequence[str], count: int) -> Begun:
    """Begin a training on the photographs below ``root`` as src.train does, in this process."""
    quieten_lightning()
    register()
    where = [f"dataset.root={root}", f"data.cache={cache}", f"data.max_memory={share}"]
    with initialize_config_dir(CONF, version_base="1.3"):
        settings: Train = parse_config(compose("train", ["dataset=folder", *where, *words]))
    memory, steps = Memory(), Steps(WARMUP + count)
    memory.start()
    start, work = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        device, (colorizer, data) = hardware.choose(settings.trainer), build_parts(settings)
        trainer = make_trainer(
            settings, device, colorizer, data, Path(name), EpochProgress(), [steps]
        )
        make_ready(colorizer, data, trainer, Path(name), resumed=False)
        with suppress(Enough):
            trainer.fit(colorizer, datamodule=data)
    each = [later - earlier for earlier, later in pairwise(steps.ends[WARMUP - 1 :])]
    rate = data.batch_size / statistics.median(each)
    return Begun(steps.ends[0] - start, rate, memory.peaks()[1], steps.work - work)


def measure_scale(
    source: Path, counts: Sequence[int], words: Sequence[str] = WORDS, steps: int = STEPS
) -> dict[tuple[int, str], Begun]:
    """Begin a training on each number of photographs, kept each way, the cache read from disk."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        make_moved(source, whole, max(counts))
        for count in counts:
            root, cache = Path(name, str(count)), Path(name, f"cache_{count}")
            root.mkdir()
            for index in range(count):
                os.link(whole / f"{index}.jpg", root / f"{index}.jpg")
            for way, (share, is_anew) in KEPT.items():
                drop_from_page_cache(root if is_anew else cache)
                with FRESH.Pool(1) as pool:
                    found[count, way] = pool.apply(begin, (root, cache, share, words, steps))
                print(f"{count} {way}: {found[count, way]}", file=sys.stderr)
    return found


def make_moved(source: Path, folder: Path, count: int) -> None:
    """Save ``count`` JPEG files of 256 px, no two alike: crops, moved round by some rows."""
    crops = folder / "crops"
    crops.mkdir(parents=True)
    few = min(count, DISTINCT)
    make_photographs(source, crops, few, (SIDE, SIDE))
    images = [Image.open(crops / f"{index}.jpg").convert("RGB") for index in range(few)]

    def make(index: int) -> None:
        moved = ImageChops.offset(images[index % few], 0, index // few)
        moved.save(folder / f"{index}.jpg", quality=90)

    made = read_ahead(make, range(count), depth=64)
    for _ in track(made, "making photographs", count, transient=True):
        pass


def report_scale(found: dict[tuple[int, str], Begun]) -> str:
    """The table of :func:`measure_scale`."""
    header = ("photographs", "kept", "s to the first step", "of all cores, s", "ms a photograph",
              "images/s in steps", "memory, MB")  # fmt: skip
    rows = [
        [f"{count:,}", way, f"{one.seconds:,.1f}", f"{one.work:,.1f}",
         f"{1000 * one.work / count:.2f}", f"{one.rate:,.1f}", f"{one.peak:,.0f}"]
        for (count, way), one in found.items()
    ]  # fmt: skip
    title = f"### JPEG files of {SIDE} px, trained on at {SIZE} px, {os.cpu_count()} cores\n\n"
    return (
        title + f"`{' '.join(WORDS)}`. Memory is what the process\ntakes itself, without the pages "
        "of files, above what it had before.\n\n" + markdown(header, rows)
    )


def draw_scale(found: dict[tuple[int, str], Begun], path: Path) -> None:
    """Draw the three measures by the number of photographs, a line for each way."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    names = ("s to the first step", "images/s in steps", "memory, MB")
    for place, (axes, name) in enumerate(zip(figure.subplots(1, 3), names, strict=True)):
        for way in KEPT:
            points = [(count, one[place]) for (count, of), one in found.items() if of == way]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=way)
        axes.set_xlabel("photographs")
        axes.set_ylabel(name)
        axes.locator_params(axis="x", nbins=4)
        axes.set_ylim(bottom=0, top=1.1 * axes.get_ylim()[1])
    figure.axes[0].legend(fontsize=7)
    with replacing(path) as beside:
        figure.savefig(beside, format="svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("data"))
    parser.add_argument("--photographs", type=int, default=20_000)
    parser.add_argument("--scale", type=int, nargs="+", help="numbers of photographs to train on")
    parser.add_argument("--picture", type=Path, help="SVG file for the chart of --scale")
    parser.add_argument("--output", type=Path, help="Markdown file for table and estimate")
    options = parser.parse_args()
    with one_line_errors():
        if options.scale:
            found = measure_scale(options.folder, options.scale)
            text = report_scale(found)
        else:
            text = measure_all(options.folder, options.photographs)
    if options.scale and options.picture:
        draw_scale(found, options.picture)
    print(text)
    if options.output:
        write_text(text, options.output)


if __name__ == "__main__":
    main()
