"""How much closer to the truth than gray colours are, and how colourful: the frontier of a model.

    python -m benchmarks.frontier MODEL [MODEL ...] --dataset thousand_kinds [--split test]
        [--count N] [--kinds] [--tables N] [--data-dir data] [--output FILE.jsonl]
        [--picture FILE.svg]

Photographs are centre squares of 256 px. Each model works at its own size; its colours are times a
factor (saturation), and a distribution over colours is sharpened (temperature). A row has the mean
gain of PSNR over leaving a photograph gray, with a 95% interval over photographs, the mean
colourfulness (Hasler and Suesstrunk 2003) and the share of photographs that come out worse than
gray. ``--kinds`` gives a row for each source of the dataset instead. ``--tables`` fits the trivial
baselines to so many training photographs of dataset=everyday.
"""

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from rich.progress import track
from torch import Tensor, nn

from colorization.cli import command
from colorization.color import LabBatch, from_uint8, is_near_gray, lab_to_rgb, rgb_to_lab, to_uint8
from colorization.data.photographs import ImageDataset
from colorization.errors import InputError
from colorization.files.atomic import replacing, write_text
from colorization.metrics.colorfulness import colorfulness
from colorization.metrics.psnr import psnr
from colorization.models.baselines import fit_baselines
from colorization.models.bundle import TrainedModel, read_model
from colorization.models.hardware import resolve
from colorization.models.results import PUBLISHED
from colorization.reports.tables import markdown
from colorization.settings.compose import build, dataset_settings
from colorization.settings.installation import read_commit

SIDE = 256  # px
BATCH = 8
TABLE_SIDE = 128  # px of the photographs that the baselines are fitted to
SATURATIONS = (0.5, 0.75, 1.0, 1.1, 1.2, 1.35, 1.5, 2.0)
TEMPERATURES = (1.0, 0.5)
MOST = 100.0  # dB, which stands for the truth's infinity


class Scores:
    """Gain and colourfulness of every photograph, by row."""

    def __init__(self) -> None:
        self.gains: dict[str, list[float]] = {}
        self.colorfulness: dict[str, list[float]] = {}

    def add(self, row: str, rgb: Tensor, gain: Tensor) -> None:
        """Add predictions, uint8 (B,3,H,W), and their gains over gray (B,)."""
        self.gains.setdefault(row, []).extend(gain.tolist())
        self.colorfulness.setdefault(row, []).extend(colorfulness(rgb).tolist())

    def rows(self) -> list[dict[str, Any]]:
        """Return means with intervals."""
        return [
            {
                "row": row,
                "photographs": len(gains),
                "gain": round(statistics.fmean(gains), 3),
                "interval": round(1.96 * statistics.pstdev(gains) / len(gains) ** 0.5, 3),
                "colorfulness": round(statistics.fmean(self.colorfulness[row]), 1),
                "worse_than_gray": round(sum(g < 0 for g in gains) / len(gains), 3),
            }
            for row, gains in self.gains.items()
        ]


def read_batches(dataset: ImageDataset, names: Sequence[str]) -> Iterator[tuple[list[str], Tensor]]:
    """Yield names and pictures, float sRGB (B,3,256,256), without those that are near-gray."""
    for start in range(0, len(names), BATCH):
        part = list(names[start : start + BATCH])
        rgb = from_uint8(torch.stack([dataset.read(name, SIDE) for name in part]))
        is_gray = is_near_gray(rgb_to_lab(rgb).ab)
        kept = [name for name, gray in zip(part, is_gray.tolist(), strict=True) if not gray]
        if kept:
            yield kept, rgb[~is_gray]


def predict(model: TrainedModel, L: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Yield ab at the side of L for each temperature."""
    predictor, size = model.predictor, model.about["size"]
    own = model.about["objective"].get("temperature")
    small = F.interpolate(L, (size, size), mode="bilinear", antialias=True)
    with torch.no_grad(), resolve("cpu", "auto").autocast():
        views = predictor.raw_views(small)
    # A distribution is read at several temperatures; regression has none, which 1 stands for.
    for temperature in sorted({*TEMPERATURES, own}, reverse=True) if own else (1.0,):
        if own:
            predictor.set_decoding(temperature=temperature)
        ab = predictor.ab(views, small)
        yield temperature, F.interpolate(ab, L.shape[-2:], mode="bilinear")


def color_all(
    models: dict[str, TrainedModel], tables: nn.ModuleDict, truth: Tensor, is_brief: bool
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and sRGB of every row for photographs (B,3,H,W); gray comes first.

    ``is_brief`` leaves out all temperatures but the model's own, and all saturations but 1.
    """
    L = rgb_to_lab(truth).L
    yield "gray", lab_to_rgb(L, torch.zeros_like(L).expand(-1, 2, -1, -1))
    yield "truth", truth
    for name, table in tables.items():
        if name != "gray":
            yield name, lab_to_rgb(L, table(L))
    for name, model in models.items():
        own = model.about["objective"].get("temperature", 1)
        for temperature, ab in predict(model, L):
            for saturation in SATURATIONS:
                if not is_brief or (temperature == own and saturation == 1):
                    row = f"{name}, temperature {temperature:g}, saturation {saturation:g}"
                    yield row, lab_to_rgb(L, ab * saturation)


def score(
    models: dict[str, TrainedModel],
    tables: nn.ModuleDict,
    batches: Iterable[tuple[list[str], Tensor]],
    has_kinds: bool,
) -> Scores:
    """Score models and baselines on photographs, together or by the first part of their names."""
    scores = Scores()
    for names, truth in batches:
        true_rgb = to_uint8(truth)
        kinds = [name.partition("/")[0] if has_kinds else "" for name in names]
        gray = truth.new_zeros(len(names))
        for row, predicted in color_all(models, tables, truth, has_kinds):
            rgb = to_uint8(predicted)
            if row == "gray":
                gray = psnr(rgb, true_rgb)
            gain = psnr(rgb, true_rgb).clamp(max=MOST) - gray
            for kind in sorted(set(kinds)):
                which = [i for i, of in enumerate(kinds) if of == kind]
                scores.add(f"{kind}: {row}" if kind else row, rgb[which], gain[which])
    return scores


def take_evenly(names: Sequence[str], most: int) -> list[str]:
    """Take at most so many names, evenly spaced."""
    count = min(most, len(names))
    return [names[index * len(names) // count] for index in range(count)]


def fit_tables(dataset: ImageDataset, count: int) -> nn.ModuleDict:
    """Fit the trivial baselines to evenly spaced training photographs."""
    names = dataset.names("train")
    chosen = take_evenly(names, count)

    def batches() -> Iterator[LabBatch]:
        for start in range(0, len(chosen), BATCH):
            part = [dataset.read(name, TABLE_SIDE) for name in chosen[start : start + BATCH]]
            yield rgb_to_lab(from_uint8(torch.stack(part)))

    return fit_baselines(batches())


def draw(rows: list[dict[str, Any]], models: Sequence[str], path: Path) -> None:
    """Draw gain against colourfulness, a line for each model and temperature."""
    axes = (figure := Figure(figsize=(7, 4.5), layout="constrained")).subplots()
    for name in models:
        starts = {row["row"].rpartition("saturation")[0] for row in rows}
        for start in sorted(start for start in starts if start.startswith(f"{name}, ")):
            line = [row for row in rows if row["row"].startswith(start)]
            x, y = [row["colorfulness"] for row in line], [row["gain"] for row in line]
            axes.plot(x, y, marker="o", markersize=3, label=start.rstrip(", "))
    for row in rows:
        if row["row"] not in ("truth",) and not row["row"].startswith(tuple(models)):
            axes.plot(row["colorfulness"], row["gain"], "k^", markersize=4)
            axes.annotate(row["row"], (row["colorfulness"], row["gain"]), fontsize=7)
    axes.plot(PUBLISHED.colorfulness, PUBLISHED.gain, "x", color="gray", label=PUBLISHED.name)
    truth = next(row["colorfulness"] for row in rows if row["row"] == "truth")
    axes.axvline(truth, color="gray", linewidth=0.5)
    axes.axhline(0, color="gray", linewidth=0.5)
    axes.set_xlabel("colourfulness (the line on the right: the truth's)")
    axes.set_ylabel("gain of PSNR over gray, dB")
    axes.set_ylim(bottom=-2.5)
    axes.legend(fontsize=7)
    with replacing(path) as beside:
        figure.savefig(beside, format="svg")


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Score as the options say, and write what they name."""
    if options.count < 1:
        raise InputError(f"--count is {options.count}; it must be at least 1")
    if options.kinds and options.picture:
        raise InputError("--kinds has no picture; leave out one of the two")
    settings = dataset_settings(options.dataset, str(options.data_dir), options.root)
    dataset: ImageDataset = build(settings)
    dataset.prepare()
    names = dataset.names(options.split)
    names = take_evenly(names, options.count)
    models = {label(model): read_model(model) for model in options.models}
    if len(models) < len(options.models):
        raise InputError("two models have the same name; rename the folder of one")
    for model in models.values():
        model.predictor.eval().to(memory_format=torch.channels_last)
    tables = nn.ModuleDict()
    if options.tables:
        learned: ImageDataset = build(dataset_settings("everyday", str(options.data_dir)))
        learned.prepare()
        tables = fit_tables(learned, options.tables)
    steps = (len(names) + BATCH - 1) // BATCH
    going = track(read_batches(dataset, names), "scoring", total=steps, transient=True)
    rows = score(models, tables, going, options.kinds).rows()
    if options.output:
        about = {"command": shlex.join(["python", "-m", "benchmarks.frontier", *sys.argv[1:]])}
        lines = [about | {"commit": read_commit()}, *rows]
        write_text("".join(json.dumps(line) + "\n" for line in lines), options.output)
    if options.picture:
        draw(rows, list(models), options.picture)
    return rows


def label(model: str) -> str:
    """Return a model's name, or the name of its folder."""
    return Path(model).name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="shipped names, bundles or checkpoints")
    parser.add_argument("--dataset", default="thousand_kinds", help="of conf/dataset")
    parser.add_argument("--root", help="folder of the photographs, with --dataset folder")
    parser.add_argument("--split", default="test", choices=("train", "val", "test", "all"))
    parser.add_argument("--count", type=int, default=10**6, help="photographs, evenly spaced")
    parser.add_argument("--kinds", action="store_true", help="a row for each source")
    parser.add_argument("--tables", type=int, default=0, help="photographs to fit baselines to")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--output", type=Path, help="JSON lines for the rows")
    parser.add_argument("--picture", type=Path, help="SVG file for the frontier")
    options = parser.parse_args()
    with command.one_line_errors():
        rows = measure(options)
    header = ["", "photographs", "gain, dB", "±", "colourfulness", "worse than gray"]
    print(markdown(header, [[str(value) for value in row.values()] for row in rows]))


if __name__ == "__main__":
    main()
