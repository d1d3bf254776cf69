"""Several processes that train one network: how they start, agree, and end together.

Each runs the whole command. Lightning starts those of one machine; torchrun or SLURM start all.
"""

import logging
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from rich import get_console
from torch import Tensor

from src.command import BAD_INPUT, one_line
from src.errors import InputError, ToldElsewhereError

DYING = 10  # s that a process may take to end, once the others have noticed

Found = TypeVar("Found")


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
    started: list[subprocess.Popen[bytes]] = []
    try:
        try:
            launcher.launch(trainer.strategy.setup_environment)
        except ValueError as error:  # torchrun or SLURM started others
            raise InputError(f"{error} Set trainer.devices and trainer.nodes") from error
        started = launcher.procs  # type: ignore[attr-defined]
        yield
    except BaseException as error:
        lost = first_to_fail(started) if isinstance(error, RuntimeError) else None
        for process in started:
            process.kill()
            process.wait()
        if lost:
            raise InputError(f"{lost}; this ends the others too") from error
        raise
    dist.destroy_process_group()


def be_silent() -> None:
    """Leave it to the first process to tell what all of them do."""
    logging.disable()
    warnings.simplefilter("ignore")
    get_console().quiet = True


def first_to_fail(started: list["subprocess.Popen[bytes]"]) -> str | None:
    """Which process has ended badly, waiting for it a little."""
    for number, process in enumerate(started, start=1):
        with suppress(subprocess.TimeoutExpired):
            if status := process.wait(DYING):
                return f"process {number} of this run ended with status {status}"
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
    told: list[str | None] = [None] * trainer.world_size
    dist.all_gather_object(told, one_line(failure) if failure else None)
    if failure and (trainer.is_global_zero or not isinstance(failure, BAD_INPUT)):
        raise failure
    for rank, reason in enumerate(told):
        if reason and trainer.is_global_zero:
            raise InputError(f"process {rank}: {reason}")
        if reason:
            raise ToldElsewhereError(reason)


def by_the_first(trainer: pl.Trainer, work: Callable[[], Found]) -> Found:
    """What ``work`` gives in the first process, in all; errors are those of :func:`in_step`."""
    found: list[Found] = []
    with in_step(trainer):
        if trainer.is_global_zero:
            found.append(work())
    (given,) = trainer.strategy.broadcast(found)
    return given


def mean_over_processes(means: Tensor, count: int) -> Tensor:
    """Means (N,) over the ``count`` photographs of this process, over those of all processes."""
    if not (dist.is_available() and dist.is_initialized()):
        return means
    sums = torch.cat([means * count, means.new_tensor([count])])
    dist.all_reduce(sums)
    return sums[:-1] / sums[-1]
