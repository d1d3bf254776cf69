"""What a killed or interrupted command has left: what of it is done, and what is to be removed."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from colorization.files.atomic import beside_prefix, write_text
from colorization.inference.plan import PhotoTask
from colorization.settings.machine import is_running

JOURNAL = ".colorize-unfinished"
PASSING = ("workers", "device", "existing", "max_pixels", "report", "gallery")
"""Settings that leave results alike."""


def clear_leftovers(tasks: Iterable[PhotoTask]) -> None:
    """Remove what a killed command was writing beside its results."""
    for folder in {task.target.parent for task in tasks if task.target.parent.is_dir()}:
        prefixes = tuple(beside_prefix(w.target.name) for w in tasks if w.target.parent == folder)
        for path in folder.glob(".writing-*"):
            if path.name.startswith(prefixes) and not is_running(path.name.rpartition(".")[2]):
                path.unlink(missing_ok=True)


class Journal:
    """A file in the output folder while an album is coloured, so that the same call can resume.

    Results newer than the file were made by that call.
    """

    def __init__(self, folder: Path, command: Mapping[str, Any]) -> None:
        self.path = folder / JOURNAL
        kept = {name: value for name, value in command.items() if name not in PASSING}
        self.text = json.dumps(kept, sort_keys=True) + "\n"
        self.made_folder = False

    def done(self, tasks: Iterable[PhotoTask]) -> set[PhotoTask]:
        """Return the tasks that an interrupted call with the same settings has finished."""
        if not self.is_same():
            return set()
        start = self.path.stat().st_mtime_ns
        return {w for w in tasks if w.target.exists() and w.target.stat().st_mtime_ns >= start}

    def is_same(self) -> bool:
        """Tell whether the file exists and was written by a call with the same settings."""
        try:
            return self.path.read_text() == self.text
        except (OSError, ValueError):
            return False

    def open(self) -> None:
        """Write the file, unless an interrupted call is resumed."""
        if not self.is_same():
            self.made_folder = not self.path.parent.exists()
            write_text(self.text, self.path)

    def close(self) -> None:
        """Remove the file; and the folder, if it was made and no photograph could be coloured."""
        self.path.unlink(missing_ok=True)
        if self.made_folder:
            with suppress(OSError):  # it stays where it holds something
                self.path.parent.rmdir()
