"""Colour photographs: ``python -m src.colorize input=PATH output=PATH``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import hydra
from omegaconf import DictConfig
from rich.progress import MofNCompleteColumn, ProgressColumn, Task
from rich.text import Text

from colorization.cli import command
from colorization.errors import InputError, interruptible
from colorization.hints.file import read_hints
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.plan import Journal, Work, clear_leftovers, outstanding, plan
from colorization.inference.stream import Options, Outcome, Stream
from colorization.reports.progress import shown
from colorization.settings.commands import Colorize
from colorization.settings.compose import CONF, checked, plain
from colorization.settings.machine import cores

log = logging.getLogger(__name__)


class Summary(NamedTuple):
    """How many photographs were coloured now, and why which were not."""

    colored: int
    failed: Mapping[Path, str]


class RateColumn(ProgressColumn):
    """Photographs a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")


@interruptible()
def colorize(settings: Colorize) -> Summary:
    """Colour what ``settings`` name; one photograph that fails does not stop the others.

    Raises:
        InputError: if nothing can be coloured: for the input, output, model or device.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; the same command goes on.
    """
    works = plan(settings.input, settings.output, settings.format)
    is_single = len(works) == 1 and works[0].source == Path(settings.input)
    hints = read_hints(Path(settings.hints)) if settings.hints else None
    if hints and not is_single:
        raise InputError("hints are for one photograph; set input to a file")
    journal = Journal(Path(settings.output), plain(settings))
    done = set() if is_single else journal.done(works)
    rest = [work for work in works if work not in done]
    works = outstanding(rest, settings.existing)
    if done:
        log.info("%d photographs were coloured before it was interrupted", len(done))
    if len(works) < len(rest):
        log.info("%d are coloured already and passed over", len(rest) - len(works))
    if not works:
        return Summary(0, {})
    colorizer = PhotoColorizer.load(
        settings.model,
        device=settings.accelerator,
        precision=settings.precision,
        size=settings.size,
        saturation=settings.saturation,
        tiles=settings.tiles,
        flip_average=settings.flip_average,
        temperature=settings.temperature,
        threads=None if is_single else 1,
    )
    clear_leftovers(works)
    if not is_single:
        journal.open()
    options = Options(settings.quality, settings.side_by_side, settings.max_pixels, hints)
    stream = Stream(colorizer, options, settings.workers or cores())
    try:
        columns = (MofNCompleteColumn(), RateColumn())
        outcomes = list(shown(stream.run(works), "colouring", len(works), columns=columns))
    except KeyboardInterrupt:
        log.warning("interrupted; the same command goes on where it was")
        raise
    if not is_single:
        journal.close()
    tell(outcomes)
    failed = {outcome.work.source: outcome.error for outcome in outcomes if outcome.error}
    return Summary(len(outcomes) - len(failed), failed)


def tell(outcomes: Sequence[Outcome]) -> None:
    """Log every note once, with the photographs that it is of."""
    noted: dict[str, list[Work]] = {}
    for outcome in outcomes:
        for note in outcome.notes:
            noted.setdefault(note, []).append(outcome.work)
    for note, works in noted.items():
        more = f" and {len(works) - 1} more" if len(works) > 1 else ""
        log.info("%s%s: %s", works[0].source, more, note)


@hydra.main(version_base="1.3", config_path=CONF, config_name="colorize")
def run(config: DictConfig) -> None:
    with command.one_line_errors():
        settings = checked(config)
        colored, failed = colorize(settings)
    if colored or not failed:
        print(f"coloured: {colored}, in {settings.output}")
    if failed:
        lines = [f"  {path}: {reason}" for path, reason in failed.items()]
        raise SystemExit("\n".join([f"failed: {len(failed)}", *lines]))


def main() -> None:
    """Run the command that was typed."""
    command.run(run, Colorize)
