"""How far long work is: bars on a terminal, and a line of the log every half minute."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from threading import Event, Thread, local
from typing import TypeVar

from rich import get_console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

log = logging.getLogger(__name__)

LINE_EVERY = 30.0  # s between lines where there is no terminal

T = TypeVar("T")


class RateColumn(ProgressColumn):
    """Show how many items are done a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")


class Told(local):
    """The work that is open in a thread, the outermost first."""

    def __init__(self) -> None:
        self.statuses: list[Callable[[], str]] = []
        self.is_on = False  # whether lines come


told = Told()


@contextmanager
def telling(status: Callable[[], str]) -> Iterator[None]:
    """Log ``status()`` every LINE_EVERY seconds while this is open, however long one step takes.

    Work within work is told in one line, by one clock: no change of work delays it. A status may
    be empty. On a terminal, which has bars, these lines go to the log's file alone.
    """
    statuses, is_inner = told.statuses, told.is_on
    statuses.append(status)
    is_over = Event()

    def tell() -> None:
        while not is_over.wait(LINE_EVERY):
            log.info("; ".join(filter(None, [status() for status in [*statuses]])))

    thread = Thread(target=tell, daemon=True)
    if not is_inner:
        thread.start()
        told.is_on = True
    try:
        yield
    finally:
        if not is_inner:
            told.is_on = False
            is_over.set()
            thread.join()
        statuses.remove(status)


def shown(
    items: Iterable[T],
    what: str,
    total: int | None = None,
    size: Callable[[T], int] = lambda item: 1,
    columns: Iterable[ProgressColumn] = (),
    done: int = 0,
) -> Iterator[T]:
    """Go through items under a bar that says ``what`` is done, or between lines of the log.

    Args:
        total: how much there is; None is the length of ``items``, or not known.
        size: how much of that an item is.
        columns: of the bar, instead of the count.
        done: how much was done before.
    """
    console = get_console()
    extra = tuple(columns) or (MofNCompleteColumn(),)
    if total is None and isinstance(items, Sized):
        total = len(items)
    bar = Progress(
        *(TextColumn("{task.description}"), BarColumn(), *extra, TimeRemainingColumn()),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task(what, total=total, completed=done)

    def status() -> str:
        of = "" if total is None else f" of {total:,}"
        return f"{what}: {bar.tasks[0].completed:,.0f}{of}"

    with bar, telling(status):
        for item in items:
            yield item
            bar.advance(task, size(item))
