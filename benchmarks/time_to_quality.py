"""How soon a recipe is as good as another, one training after the other in one run.

    python -m benchmarks.time_to_quality [--data-dir data] [--minutes 40] [--output FILE]
    python -m benchmarks.time_to_quality --best [faces dogs] [--seeds 0 1 2] [--output FILE]

Quality is the mean squared error on validation photographs. First: on 200 faces, ladder/quick and
the paper's network, until the figure that the paper reports for its test, and until that of the
(position, L) table on the same photographs. With ``--best``: the recipe of the ladder that is best
on a dataset, to its end, and recipes that are to be as good in half the time. Each is trained in
a process of its own, as src.train does it. Time counts from the first step, with validation in it.
"""

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl

from colorization.cli.command import one_line_errors
from colorization.files.atomic import write_text
from colorization.models.baselines import fit_baselines, score_predictors
from colorization.models.results import PAPER_MSE
from colorization.reports.tables import markdown
from colorization.training.callbacks import EpochProgress

OURS = ("experiment=ladder/quick",)
PAPER = ("experiment=ladder/paper", "trainer.max_epochs=100000")
BEST = {
    "faces": ("ladder/longer", ["ladder/sooner", "ladder/finetuned"]),
    "dogs": ("ladder/perceptual", ["ladder/finetuned"]),
}
"""The best recipe of the ladder by its validation error, and what is to be as good sooner."""
FRESH: BaseContext = multiprocessing.get_context("spawn")
FIGURE, TABLE = "the paper's figure", "(position, L) table"


class Epoch(NamedTuple):
    """The validation error after an epoch, and the seconds and photographs until then."""

    mse: float
    seconds: float = math.inf
    images: float = math.inf


class Watch(pl.Callback):
    """Notes every epoch; stops when the error is small enough, or time is over."""

    def __init__(self, target: float, limit: float, progress: EpochProgress) -> None:
        self.epochs: list[Epoch] = []
        self.target = target
        self.limit = limit
        self.progress = progress

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        passed = time.perf_counter() - self.start
        mse = float(trainer.callback_metrics["val/mse"])
        self.epochs.append(Epoch(mse, passed, self.progress.images))
        trainer.should_stop |= mse <= self.target or passed > self.limit


def find(epochs: Sequence[Epoch], mse: float) -> Epoch:
    """Find when an error was first reached: infinite if never."""
    reached = next((epoch for epoch in epochs if epoch.mse <= mse), Epoch(mse))
    return reached._replace(mse=mse)


class Training(NamedTuple):
    """The epochs of a training, and the (position, L) table's error on the same photographs."""

    epochs: list[Epoch]
    table: float


def follow(overrides: Sequence[str], limit: float, target: float | None = None) -> Training:
    """Train until an error is reached, or for ``limit`` seconds.

    Args:
        target: None is the smaller one of the paper's and the table's.
    """
    from hydra import compose, initialize_config_dir

    from colorization.models import hardware
    from colorization.settings.compose import CONF, parse_config, register
    from colorization.training.run import build_parts, quieten_lightning
    from colorization.training.trainer import make_trainer

    quieten_lightning()
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        settings = parse_config(compose("train", [*overrides]))
    device = hardware.choose(settings.trainer)
    pl.seed_everything(settings.seed, verbose=False)
    colorizer, data = build_parts(settings)
    data.prepare_data()
    data.setup("fit")
    tables = {TABLE: fit_baselines(data.lab_batches("train"))[TABLE]}
    table = score_predictors(tables, data.lab_batches("val"))[TABLE]["mse"]
    colorizer.start(data.lab_batches("train"))
    progress = EpochProgress()
    watch = Watch(min(PAPER_MSE["faces"], table) if target is None else target, limit, progress)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(settings, device, colorizer, data, Path(folder), progress)
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        trainer.fit(colorizer, datamodule=data)
    return Training(watch.epochs, table)


def follow_alone(*arguments: object) -> Training:
    """:func:`follow` in a process of its own, so that it leaves no memory or threads behind."""
    with FRESH.Pool(1) as pool:
        return pool.apply(follow, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one, without --best")
    parser.add_argument(
        "--best", nargs="*", choices=BEST, help="against the best recipes, on these datasets or all"
    )
    parser.add_argument("--minutes", type=float, default=40, help="for each training at the most")
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    options = parser.parse_args()
    limit, common = 60 * options.minutes, [f"data_dir={options.data_dir}"]
    with one_line_errors():
        if options.best is not None:
            text = "\n".join(
                compare_with_best([f"dataset={name}", *common], *BEST[name], options.seeds, limit)
                for name in options.best or BEST
            )
        else:
            text = measure(["dataset=faces", f"seed={options.seeds[0]}", *common], limit)
    print(text)
    if options.output:
        write_text(text, options.output)


def measure(common: Sequence[str], limit: float) -> str:
    """When ladder/quick and the paper's network reach the paper's and the table's error.

    Args:
        common: overrides of both recipes.
        limit: seconds for each.
    """
    found = {}
    for recipe in (OURS, PAPER):
        epochs, table = follow_alone([*recipe, *common], limit)
        targets = {FIGURE: PAPER_MSE["faces"], f"the {TABLE}": table}
        found[" ".join(recipe)] = {name: find(epochs, mse) for name, mse in targets.items()}
    return report(found, limit)


def compare_with_best(
    common: Sequence[str], best: str, others: Sequence[str], seeds: Sequence[int], limit: float
) -> str:
    """When recipes reach the least error that the first one ever has, by seed.

    Args:
        common: overrides of all, the dataset first.
        limit: seconds for each.
    """
    rows = []
    for seed in seeds:
        more = [*common, f"seed={seed}"]
        epochs, _ = follow_alone([f"experiment={best}", *more], limit, 0.0)
        least = min(epochs)
        row = [str(seed), f"{least.mse:.7f}", cell(least)]
        for other in others:
            training = follow_alone([f"experiment={other}", *more], limit, least.mse)
            reached = find(training.epochs, least.mse)
            row += [cell(reached), sooner(reached, least, limit)]
        rows.append(row)
    name = common[0].removeprefix("dataset=")
    title = f"### Until a recipe is as good as the best, {name}, {os.cpu_count()} CPU cores\n\n"
    header = ["seed", "val MSE to reach", best]
    header += [text for other in others for text in (other, "times sooner")]
    return title + markdown(header, rows)


def report(found: Mapping[str, Mapping[str, Epoch]], limit: float) -> str:
    """When each recipe reached each target, as Markdown."""
    ours, paper = found.values()
    header = ["val MSE to reach", *found, "times sooner"]
    rows = [
        [
            f"{target.mse:.7f}, {name}",
            cell(target),
            cell(paper[name]),
            sooner(target, paper[name], limit),
        ]
        for name, target in ours.items()
    ]
    title = f"### Until a recipe is as good on 200 faces, {os.cpu_count()} CPU cores\n\n"
    return title + markdown(header, rows)


def cell(reached: Epoch) -> str:
    if math.isinf(reached.seconds):
        return "not reached"
    return f"{reached.seconds:,.1f} s, {reached.images:,} photographs"


def sooner(ours: Epoch, paper: Epoch, limit: float) -> str:
    """How many times sooner ours is, or at least is: the paper's was given ``limit`` seconds."""
    if math.isinf(ours.seconds):
        return "-"
    more = "more than " if math.isinf(paper.seconds) else ""
    return f"{more}{min(paper.seconds, limit) / ours.seconds:.1f}"


if __name__ == "__main__":
    main()
