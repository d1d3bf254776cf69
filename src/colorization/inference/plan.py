"""What is to be coloured, and where the results go."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

from colorization.errors import InputError
from colorization.files.atomic import beside_prefix, matching, write_text
from colorization.files.pictures import FORMATS, SUFFIXES, check_suffix
from colorization.settings.machine import is_running

JOURNAL = ".colorize-unfinished"
PASSING = ("workers", "device", "existing", "max_pixels")  # settings that leave results alike


class Work(NamedTuple):
    """A photograph, and where its coloured one goes."""

    source: Path
    target: Path


def plan(pattern: str, output: str, form: str | None) -> list[Work]:
    """Every photograph of a file, folder or glob pattern, and its target.

    Below a folder, or from where a pattern starts, the structure is kept.

    Args:
        form: of the results; None is each photograph's own.

    Raises:
        InputError: if there is none, or a result would replace an input or another result.
    """
    folder = Path(output)
    path = Path(pattern)
    if path.is_file():
        is_file = bool(folder.suffix) and not folder.is_dir() and not output.endswith("/")
        target = folder if is_file else folder / renamed(Path(path.name), form)
        if form not in (check_suffix(target), None):
            raise InputError(f"output is {output}, but format is {form}; leave one of them out")
        works = [Work(path, target)]
    else:
        root, sources = found(pattern, folder)
        works = [Work(s, folder / renamed(s.relative_to(root), form)) for s in sources]
        if folder.exists() and not folder.is_dir():
            raise InputError(f"output is {output}, a file; it must be a folder")
        if folder.resolve() == root.resolve():
            raise InputError(f"output is the folder of the input, {root}; set it to another")
    check_apart(works)
    return works


def found(pattern: str, output: Path) -> tuple[Path, list[Path]]:
    """The folder that a pattern starts at, and the photographs of it outside ``output``."""
    path = Path(pattern)
    if path.is_dir():
        root, paths = path, list(path.rglob("*"))
    elif has_magic(pattern):
        root, paths = matching(pattern)
    else:
        raise InputError(f"no file, folder or pattern {pattern}")
    known = (p for p in paths if p.suffix.lower() in SUFFIXES and p.is_file())
    shown = (
        p for p in known if not any(part.startswith(".") for part in p.relative_to(root).parts)
    )
    inner = output.resolve()
    is_inside = inner != root.resolve() and inner.is_relative_to(root.resolve())
    sources = [p for p in shown if not (is_inside and p.resolve().is_relative_to(inner))]
    once = {os.path.realpath(path): path for path in sorted(sources, key=depth, reverse=True)}
    sources = list(once.values())  # links may lead round in a circle
    if not sources:
        raise InputError(f"no photographs ({', '.join(sorted(SUFFIXES))}) in {pattern}")
    return root, sorted(sources)


def depth(path: Path) -> int:
    return len(path.parts)


def renamed(path: Path, form: str | None) -> Path:
    """A path with the suffix of a format, if it is of another."""
    if form is None or SUFFIXES.get(path.suffix.lower()) == form:
        return path
    return path.with_suffix(FORMATS[form][0])


def check_apart(works: Sequence[Work]) -> None:
    """Raise InputError if a result would replace an input, or another result."""
    sources = {os.path.realpath(work.source): work.source for work in works}
    targets: dict[str, Work] = {}
    for work in works:
        place = os.path.realpath(work.target)
        if place in sources:
            raise InputError(f"{work.target} is an input too; set output to another place")
        if place in targets:
            other = targets[place].source
            raise InputError(f"{other} and {work.source} would both become {work.target}")
        targets[place] = work


def outstanding(works: Sequence[Work], existing: str) -> list[Work]:
    """Those to be coloured, by what is to happen to ``existing`` results.

    Raises:
        InputError: if there are any, and that is ``refuse``.
    """
    there = dict.fromkeys(work for work in works if work.target.exists())
    if there and existing == "refuse":
        first = next(iter(there)).target
        raise InputError(
            f"{len(there)} of {len(works)} results are there already, such as {first}; "
            "existing=skip passes over them, existing=overwrite replaces them"
        )
    return [work for work in works if work not in there] if existing == "skip" else list(works)


def clear_leftovers(works: Iterable[Work]) -> None:
    """Remove what a killed command was writing beside its results."""
    for folder in {work.target.parent for work in works if work.target.parent.is_dir()}:
        prefixes = tuple(beside_prefix(w.target.name) for w in works if w.target.parent == folder)
        for path in folder.glob(".writing-*"):
            if path.name.startswith(prefixes) and not is_running(path.name.rpartition(".")[2]):
                path.unlink(missing_ok=True)


class Journal:
    """A file beside results that are not complete, by which the same command goes on.

    What was written after it was made is a result of that command.
    """

    def __init__(self, folder: Path, command: Mapping[str, Any]) -> None:
        self.path = folder / JOURNAL
        kept = {name: value for name, value in command.items() if name not in PASSING}
        self.text = json.dumps(kept, sort_keys=True) + "\n"

    def done(self, works: Iterable[Work]) -> set[Work]:
        """What the same command, interrupted, has made."""
        if not self.is_same():
            return set()
        start = self.path.stat().st_mtime_ns
        return {w for w in works if w.target.exists() and w.target.stat().st_mtime_ns >= start}

    def is_same(self) -> bool:
        """Whether there is one, of the same command."""
        try:
            return self.path.read_text() == self.text
        except (OSError, ValueError):
            return False

    def open(self) -> None:
        """Note what is begun, unless it goes on."""
        if not self.is_same():
            write_text(self.text, self.path)

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
