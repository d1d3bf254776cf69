"""The project's commands in processes of their own, as people type them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment(columns: int = 200) -> dict[str, str]:
    """Where the commands work from any folder, before a terminal so wide."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns)}


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a module to its end."""
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)


def take_interrupts() -> None:
    """In a new process: Ctrl-C ends it, also where tests run behind nohup."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
