"""The project's commands in processes of their own, as people type them."""

import atexit
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
# The modules that take long to import are imported once; every command is a fork of that process.
PREPARED = get_context("forkserver")
PREPARED.set_forkserver_preload(
    [
        "colorization.cli.train",
        "colorization.cli.evaluate",
        "colorization.cli.leaderboard",
        "colorization.inference.album",
        "colorization.models.export",
        "colorization.sweeps.report",
    ]
)
os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'src'}"  # commands work from any folder


def environment(columns: int = 200) -> dict[str, str]:
    """A process's environment before a terminal so wide."""
    return {**os.environ, "COLUMNS": str(columns)}


def python(
    *words: str, cwd: Path, until: Callable[[], object] | None = None
) -> CompletedProcess[str]:
    """Run a module to its end, as ``python -m`` does; with ``until``, Ctrl-C as that is true."""
    with TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("out", "err")]
        process = PREPARED.Process(target=run_module, args=(words, cwd, *streams))
        process.start()
        while until and process.is_alive():
            if until():
                os.kill(process.pid or 0, signal.SIGINT)
                break
            time.sleep(0.1)
        process.join()
        return CompletedProcess(words, process.exitcode, *(path.read_text() for path in streams))


def run_module(words: tuple[str, ...], cwd: Path, out: Path, err: Path) -> None:
    """In a new process: be the module."""
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    os.chdir(cwd)
    os.environ.update(environment())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where tests run behind nohup
    sys.argv = list(words)
    sys.path.insert(0, str(cwd))
    sys.modules.pop(words[0], None)  # it is imported as __main__
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out


def take_interrupts() -> None:
    """In a new process: Ctrl-C ends it, also where tests run behind nohup."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
