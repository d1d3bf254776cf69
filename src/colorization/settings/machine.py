"""Ask how many cores and how much memory there are, and run commands side by side."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


class Processes:
    """Commands that run side by side, and can be stopped together."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen[str]] = []
        self.is_stopped = False

    def run(self, words: Sequence[str], threads: int) -> tuple[int, str]:
        """Run a command to its end on so many CPU threads.

        Returns:
            Its exit status, and its text on stderr.
        """
        process = subprocess.Popen(
            words,
            env={**os.environ, "OMP_NUM_THREADS": str(max(1, threads))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        if self.is_stopped:
            process.terminate()
        complaint = process.communicate()[1].strip()
        return process.returncode, complaint

    def stop(self) -> None:
        """Ask all to end, those too that are just being started."""
        self.is_stopped = True
        for process in self.running:
            process.terminate()  # src.train keeps its last whole epoch


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
