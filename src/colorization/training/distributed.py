"""Several processes that train one network: how they start, agree, and end together.

Each runs the whole command. Lightning starts those of one machine; torchrun or SLURM start all.
"""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import NoReturn, TypeVar

import pytorch_lightning as pl
import torch.distributed as dist
from rich import get_console

from colorization.data.processes import gathered
from colorization.errors import InputError, ToldElsewhereError
from colorization.settings.failures import BAD_INPUT, one_line

LOOK = 1  # s between looks whether one has failed
DYING = 10  # s that a process may take to end, once the others have noticed

Found = TypeVar("Found")
Process = subprocess.Popen[bytes]


@contextmanager
def joined(trainer: pl.Trainer) -> Iterator[None]:
    """Have the processes of a run in one group; does nothing for one that is alone.

    Those that are not the first say nothing. If the first fails it ends those that it started.

    Raises:
        InputError: if they are not as many as the settings say, or if one of them has ended.
    """
    launcher = trainer.strategy.launcher
    if launcher is None:
        yield
        return
    if not trainer.is_global_zero:
        be_silent()
    started: list[Process] = []
    is_over = Event()
    try:
        try:
            launcher.launch(trainer.strategy.setup_environment)
        except ValueError as error:  # torchrun or SLURM started others
            raise InputError(f"{error} Set trainer.devices and trainer.nodes") from error
        started = [*launcher.procs]  # type: ignore[attr-defined]
        launcher.procs.clear()  # type: ignore[attr-defined]  # Lightning would kill, untold
        Thread(target=watch, args=(started, is_over), daemon=True).start()
        yield
    except BaseException as error:
        lost = first_to_fail(started) if isinstance(error, RuntimeError) else None
        end(started)
        if lost:
            raise InputError(lost) from error
        raise
    finally:
        is_over.set()
    dist.destroy_process_group()


def watch(started: Sequence[Process], is_over: Event) -> None:
    """End this process too, with a line, if one of the others fails and this one does not notice.

    With gloo it does; NCCL waits for the lost one, for a day.
    """
    while not is_over.wait(LOOK):
        if any(process.poll() for process in started) and not is_over.wait(DYING):
            print(f"error: {first_to_fail(started)}", file=sys.stderr)
            end(started)
            os._exit(2)


def end(started: Sequence[Process]) -> None:
    for process in started:
        process.kill()
        process.wait()


def be_silent() -> None:
    """Leave it to the first process to tell what all of them do."""
    logging.disable()
    warnings.simplefilter("ignore")
    get_console().quiet = True


def first_to_fail(started: Sequence[Process]) -> str | None:
    """Which process has ended badly, waiting for it a little."""
    for number, process in enumerate(started, start=1):
        with suppress(subprocess.TimeoutExpired):
            if status := process.wait(DYING):
                return f"process {number} of this run ended with status {status}; this ends all"
    return None


@contextmanager
def in_step(trainer: pl.Trainer) -> Iterator[None]:
    """Go on when all processes have come here; where one has failed, all fail.

    Raises:
        InputError: with the error of another process; the first process is the one that shows it.
    """
    if trainer.world_size == 1:
        yield
        return
    failure: Exception | None = None
    try:
        yield
    except Exception as error:  # it has to be told first
        failure = error
    told = gathered(one_line(failure) if failure else None)
    if failure and (trainer.is_global_zero or not isinstance(failure, BAD_INPUT)):
        raise failure
    for rank, reason in enumerate(told):
        if reason:
            told_once(trainer, f"process {rank}: {reason}")


def by_the_first(trainer: pl.Trainer, work: Callable[[], Found]) -> Found:
    """What ``work`` gives in the first process, in all; errors are those of :func:`in_step`."""
    found: list[Found] = []
    with in_step(trainer):
        if trainer.is_global_zero:
            found.append(work())
    (given,) = trainer.strategy.broadcast(found)
    return given


def told_once(trainer: pl.Trainer, line: str) -> NoReturn:
    """End all processes with an error that they all have; the first is the one that shows it."""
    raise InputError(line) if trainer.is_global_zero else ToldElsewhereError(line)
