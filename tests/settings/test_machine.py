"""Which processes run is asked of the system, not of files that only Linux has."""

import os
import subprocess
import sys

from colorization.settings.machine import is_running


def test_a_process_runs_until_it_has_ended() -> None:
    assert is_running(str(os.getpid()))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert is_running(str(other.pid))
        other.kill()
    assert not is_running(str(other.pid))


def test_what_is_no_number_is_no_process() -> None:
    assert not any(map(is_running, ("", "..", "self", "-1", "cpuinfo", "9" * 12)))
