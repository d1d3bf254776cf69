"""How soon a recipe is as good as the paper, on 200 faces, one recipe after the other in one run.

    python -m benchmarks.time_to_quality [--data-dir data] [--minutes 40] [--output FILE]

Quality is the mean squared error on validation photographs: the figure that the paper reports for
its test, and that of the (position, L) table on the same photographs. Each recipe is trained in a
process of its own, as src.train does it, until it has reached both or its minutes are over. Time
counts from the first step, with validation in it.
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
FRESH: BaseContext = multiprocessing.get_context("spawn")
FIGURE, TABLE = "the paper's figure", "(position, L) table"


class Reached(NamedTuple):
    """Of a target: the error, and the seconds and photographs until then, infinite if never."""

    mse: float
    seconds: float = math.inf
    images: float = math.inf


class Reach(pl.Callback):
    """Notes when targets are first reached on validation; stops when all are, or time is over."""

    def __init__(self, targets: Mapping[str, float], limit: float, progress: EpochProgress) -> None:
        self.reached = {name: Reached(mse) for name, mse in targets.items()}
        self.limit = limit
        self.progress = progress

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        passed = time.perf_counter() - self.start
        mse = float(trainer.callback_metrics["val/mse"])
        for name, target in self.reached.items():
            if mse <= target.mse and math.isinf(target.seconds):
                self.reached[name] = Reached(target.mse, passed, self.progress.images)
        is_done = all(math.isfinite(target.seconds) for target in self.reached.values())
        trainer.should_stop |= is_done or passed > self.limit


def reach(overrides: Sequence[str], limit: float) -> dict[str, Reached]:
    """Train until both targets are reached, or for ``limit`` seconds."""
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
    table = {TABLE: fit_baselines(data.lab_batches("train"))[TABLE]}
    mse = score_predictors(table, data.lab_batches("val"))[TABLE]["mse"]
    colorizer.start(data.lab_batches("train"))
    progress = EpochProgress()
    watch = Reach({FIGURE: PAPER_MSE["faces"], f"the {TABLE}": mse}, limit, progress)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(settings, device, colorizer, data, Path(folder), progress)
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        trainer.fit(colorizer, datamodule=data)
    return watch.reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=40, help="for each recipe at the most")
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    options = parser.parse_args()
    common = ["dataset=faces", f"data_dir={options.data_dir}", f"seed={options.seed}"]
    with one_line_errors():
        text = measure(common, 60 * options.minutes)
    print(text)
    if options.output:
        write_text(text, options.output)


def measure(common: Sequence[str], limit: float) -> str:
    """The table as Markdown.

    Args:
        common: overrides of both recipes.
        limit: seconds for each.
    """
    found = {}
    for recipe in (OURS, PAPER):
        # A process each, so that none leaves its memory or threads to the next.
        with FRESH.Pool(1) as pool:
            found[" ".join(recipe)] = pool.apply(reach, ([*recipe, *common], limit))
    return report(found, limit)


def report(found: Mapping[str, Mapping[str, Reached]], limit: float) -> str:
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


def cell(reached: Reached) -> str:
    if math.isinf(reached.seconds):
        return "not reached"
    return f"{reached.seconds:,.1f} s, {reached.images:,} photographs"


def sooner(ours: Reached, paper: Reached, limit: float) -> str:
    """How many times sooner ours is, or at least is: the paper's was given ``limit`` seconds."""
    if math.isinf(ours.seconds):
        return "-"
    more = "more than " if math.isinf(paper.seconds) else ""
    return f"{more}{min(paper.seconds, limit) / ours.seconds:.1f}"


if __name__ == "__main__":
    main()
