"""Ask how many cores and how much memory there are, and which processes run."""

import os
from pathlib import Path

import psutil

GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


def is_running(number: str) -> bool:
    """Tell whether a process of this number runs, on any system; False for what is no number."""
    return number.isdecimal() and int(number) in psutil.pids()


def cores() -> int:
    """Count the CPU cores for this process, which may have been given a part of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Return the bytes of memory of the machine, or of the part given to this process."""
    total: int = psutil.virtual_memory().total
    try:
        return min(total, int(GROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # none, or "max"
        return total
