"""Start several processes that train one network; have them agree, and end together.

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

from colorization.data.processes import gather
from colorization.errors import InputError, ToldElsewhereError
from colorization.settings.failures import BAD_INPUT, one_line

LOOK = 1  # s between looks whether a process has failed
DYING = 10  # s that a process may take to end after another one has failed

Found = TypeVar("Found")
Process = subprocess.Popen[bytes]


@contextmanager
def join_processes(trainer: pl.Trainer) -> Iterator[None]:
    """Put the processes of a run into one group; do nothing for a process that is alone.

    Only the first process prints. If it fails, it ends those that it started.

    Raises:
        InputError: if the number of processes is not that of the settings, or if one has ended.
    """
    launcher = trainer.strategy.launcher
    if launcher is None:
        yield
        return
    if not trainer.is_global_zero:
        logging.disable()
        warnings.simplefilter("ignore")
        get_console().quiet = True
    started: list[Process] = []
    is_over = Event()
    try:
        try:
            launcher.launch(trainer.strategy.setup_environment)
        except ValueError as error:  # torchrun or SLURM started others
            raise InputError(f"{error} Set trainer.devices and trainer.nodes") from error
        started = [*launcher.procs]  # type: ignore[attr-defined]
        # Lightning's own observer would kill this process without a message: it sees none now.
        launcher.procs.clear()  # type: ignore[attr-defined]
        Thread(target=watch, args=(started, is_over), daemon=True).start()
        yield
    except BaseException as error:
        lost = find_failure(started) if isinstance(error, RuntimeError) else None
        end(started)
        if lost:
            raise InputError(lost) from error
        raise
    finally:
        is_over.set()
    dist.destroy_process_group()


def watch(started: Sequence[Process], is_over: Event) -> None:
    """End this process with one line if another fails and this one does not notice.

    With gloo it notices. NCCL waits for the lost process, for a day.
    """
    while not is_over.wait(LOOK):
        if any(process.poll() for process in started) and not is_over.wait(DYING):
            print(f"error: {find_failure(started)}", file=sys.stderr)
            end(started)
            os._exit(2)


def end(started: Sequence[Process]) -> None:
    """Kill processes and wait until they are gone."""
    for process in started:
        process.kill()
        process.wait()


def find_failure(started: Sequence[Process]) -> str | None:
    """Describe the first process that ended badly; wait a little for each."""
    for number, process in enumerate(started, start=1):
        with suppress(subprocess.TimeoutExpired):
            if status := process.wait(DYING):
                return f"process {number} of this run ended with status {status}; this ends all"
    return None


@contextmanager
def in_step(trainer: pl.Trainer) -> Iterator[None]:
    """Go on when all processes have come here; if one has failed, fail in all.

    Raises:
        InputError: with the error of another process; only the first process shows it.
    """
    if trainer.world_size == 1:
        yield
        return
    failure: Exception | None = None
    try:
        yield
    except Exception as error:  # the others must be told first
        failure = error
    reasons = gather(one_line(failure) if failure else None)
    if failure and (trainer.is_global_zero or not isinstance(failure, BAD_INPUT)):
        raise failure
    for rank, reason in enumerate(reasons):
        if reason:
            raise_once(trainer, f"process {rank}: {reason}")


def run_on_first(trainer: pl.Trainer, work: Callable[[], Found]) -> Found:
    """Call ``work`` in the first process, return its result in all; errors as :func:`in_step`."""
    found: list[Found] = []
    with in_step(trainer):
        if trainer.is_global_zero:
            found.append(work())
    (given,) = trainer.strategy.broadcast(found)
    return given


def raise_once(trainer: pl.Trainer, line: str) -> NoReturn:
    """End all processes with an error that all of them have; only the first shows it."""
    raise InputError(line) if trainer.is_global_zero else ToldElsewhereError(line)
