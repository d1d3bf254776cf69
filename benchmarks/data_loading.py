"""How soon photographs are there: decoded every time, or out of a mapped file.

    python -m benchmarks.data_loading [--folder data] [--photographs 20000] [--output FILE]

Makes JPEG files of 500 x 375 px, which is usual for ImageNet, from crops of the photographs below a
folder, and takes them through each way at 128 px, in a process of its own. Two epochs are
read: the first after the files were dropped from the page cache. Then it works out what an epoch of
ImageNet would take.
"""

import argparse
import multiprocessing
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from rich.progress import track
from torch import Tensor

from colorization.cli.command import one_line_errors
from colorization.data.batches import BatchShares, PixelDataset, ResumableLoader
from colorization.data.cache import load_mapped
from colorization.data.folders import PhotographFolder, list_photographs
from colorization.data.photographs import Source, read_ahead
from colorization.files.atomic import write_text
from colorization.reports.tables import markdown

SIDES = (500, 375)  # px
SIZE = 128  # px
BATCH = 64
MAX_PIXELS = 10**8
FRESH: BaseContext = multiprocessing.get_context("spawn")
SAMPLED = 0.02  # s between looks at the memory


def make_photographs(source: Path, folder: Path, count: int) -> None:
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
            image.convert("RGB").resize(SIDES, box=box).save(folder / f"{index}.jpg", quality=90)

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("data"))
    parser.add_argument("--photographs", type=int, default=20_000)
    parser.add_argument("--output", type=Path, help="Markdown file for table and estimate")
    options = parser.parse_args()
    with one_line_errors():
        text = measure_all(options.folder, options.photographs)
    print(text)
    if options.output:
        write_text(text, options.output)


if __name__ == "__main__":
    main()
