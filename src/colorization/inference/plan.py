"""Find the photographs of an album, and choose where each result goes."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from colorization.errors import InputError
from colorization.files.atomic import matching
from colorization.files.opening import open_picture
from colorization.files.pictures import (
    FORMATS,
    INSTEAD,
    RAW,
    READ_SUFFIXES,
    UnreadableError,
    check_suffix,
)

PASSED_BY = frozenset(("@eadir", "__macosx", "thumbs.db", "desktop.ini"))
"""Names, in lower case, of what systems put into folders: no photographs, or small copies."""
ANY_SIZE = 10**12


class PhotoTask(NamedTuple):
    """The paths of a gray photograph and of its result, and which page of the file it is, from 0.

    A ``page`` over 0 is of files with several pictures.
    """

    source: Path
    target: Path
    page: int = 0


class Plan(NamedTuple):
    """What is to be coloured, and the files of the input that are no photographs."""

    tasks: list[PhotoTask]
    passed: list[Path]


class Found(NamedTuple):
    """The folder that an input starts at, its photographs, and what is passed over."""

    root: Path
    photographs: list[Path]
    passed: list[Path]


def plan_album(pattern: str, output: str, form: str | None, pages: str = "1") -> Plan:
    """Find the photographs of a file, folder or glob pattern, and choose a target for each.

    Subfolders of a folder, or below the fixed part of a pattern, are kept.

    Args:
        form: of the results; None is each photograph's own, or PNG or JPEG for those that are only
            read.
        pages: of files with several pictures: a number, from 1 on, or ``all``.

    Raises:
        InputError: if there is none, or a result would replace an input or another result.
    """
    folder = Path(output)
    path = Path(pattern)
    passed: list[Path] = []
    if path.is_file():
        is_file = bool(folder.suffix) and not folder.is_dir() and not output.endswith("/")
        check_read(path)
        target = folder if is_file else folder / rename_for_format(Path(path.name), form)
        if form not in (check_suffix(target), None):
            raise InputError(f"output is {output}, but format is {form}; leave one of them out")
        tasks = [PhotoTask(path, target)]
    else:
        root, sources, passed = find_photographs(pattern, folder)
        names = [source.relative_to(root) for source in sources]
        results = [rename_for_format(name, form) for name in names]
        several = Counter(results)
        for index, (name, result) in enumerate(zip(names, results, strict=True)):
            if form is None and several[result] > 1 and name != result:
                results[index] = name.with_name(name.name + result.suffix)
        tasks = [
            PhotoTask(source, folder / result)
            for source, result in zip(sources, results, strict=True)
        ]
        if folder.exists() and not folder.is_dir():
            raise InputError(f"output is {output}, a file; it must be a folder")
        if folder.resolve() == root.resolve():
            raise InputError(f"output is the folder of the input, {root}; set it to another")
    tasks = [page for task in tasks for page in pages_of(task, pages)]
    check_apart(tasks)
    return Plan(tasks, passed)


def check_read(path: Path) -> None:
    """Raise InputError unless a file's name is that of a picture of some kind."""
    if path.suffix.lower() not in READ_SUFFIXES | dict.fromkeys(RAW, ""):
        known = ", ".join(sorted(READ_SUFFIXES))
        raise InputError(f"{path} has no known format: {known}")


def pages_of(task: PhotoTask, pages: str) -> Iterator[PhotoTask]:
    """Yield a task for each page that is wanted of a file; their results have its number."""
    if pages != "all":
        yield task._replace(page=int(pages) - 1)
        return
    try:
        count = open_picture(task.source, ANY_SIZE).pages
    except UnreadableError:  # which is said when it is its turn
        count = 1
    for page in range(count):
        number = f"-{page + 1}" if count > 1 else ""
        name = f"{task.target.stem}{number}{task.target.suffix}"
        yield PhotoTask(task.source, task.target.with_name(name), page)


def find_photographs(pattern: str, output: Path) -> Found:
    """Find the photographs of a folder or pattern, outside ``output``, and what else is there."""
    path = Path(pattern)
    if path.is_dir():
        root, paths = path, list(walk(path, (), output.resolve()))
    elif has_magic(pattern):
        root, paths = matching(pattern)
        paths = [p for p in paths if not p.is_dir() and not goes_round(p, root)]
    else:
        raise InputError(f"no file, folder or pattern {pattern}")
    inner = output.resolve()
    is_inside = inner != root.resolve() and inner.is_relative_to(root.resolve())
    paths = sorted(p for p in paths if not (is_inside and is_below(p, inner)))
    sources = [p for p in paths if is_photograph(p.relative_to(root))]
    if not sources:
        raise InputError(f"no photographs ({', '.join(sorted(READ_SUFFIXES))}) in {pattern}")
    chosen = set(sources)
    return Found(root, sources, [p for p in paths if p not in chosen])


def walk(folder: Path, above: tuple[str, ...], output: Path) -> Iterator[Path]:
    """Yield the files below a folder but for those of the output; links are followed.

    A link to a folder that it lies in is no way down.
    """
    real = os.path.realpath(folder)
    if real in above or (above and Path(real) == output):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from walk(folder / entry.name, (*above, real), output)
            else:
                yield folder / entry.name


def goes_round(path: Path, root: Path) -> bool:
    """Tell whether a path leads through a link to a folder that it has come through before."""
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    return len({os.path.realpath(folder) for folder in folders}) < len(folders)


def is_below(path: Path, folder: Path) -> bool:
    """Tell whether a file's folder is a folder or below it."""
    return Path(os.path.realpath(path.parent)).is_relative_to(folder)


def is_photograph(path: Path) -> bool:
    """Tell by a path below the input whether it is a picture, and not hidden or a system's."""
    hidden = any(part.startswith(".") or part.lower() in PASSED_BY for part in path.parts)
    suffix = path.suffix.lower()
    return not hidden and (suffix in READ_SUFFIXES or suffix in RAW)


def rename_for_format(path: Path, form: str | None) -> Path:
    """Return a path with the suffix of a format; it keeps its own if that is of the format.

    Without a format, one that is only read becomes PNG, or JPEG if it is lossy.
    """
    own = READ_SUFFIXES.get(path.suffix.lower(), "")
    form = form or (own if own in FORMATS else INSTEAD.get(own, "png"))
    return path if own == form else path.with_suffix(FORMATS[form][0])


def check_apart(tasks: Sequence[PhotoTask]) -> None:
    """Raise InputError if a result would replace an input, or another result."""
    sources = {os.path.realpath(task.source): task.source for task in tasks}
    targets: dict[str, PhotoTask] = {}
    for task in tasks:
        place = os.path.realpath(task.target)
        if place in sources:
            raise InputError(f"{task.target} is an input too; set output to another place")
        if place in targets:
            other = targets[place].source
            raise InputError(f"{other} and {task.source} would both become {task.target}")
        targets[place] = task


def select_outstanding(tasks: Sequence[PhotoTask], existing: str) -> list[PhotoTask]:
    """Return the tasks to do: all, or with ``existing=skip`` those without a result.

    Raises:
        InputError: if a result exists and ``existing`` is ``refuse``.
    """
    there = dict.fromkeys(task for task in tasks if task.target.exists())
    if there and existing == "refuse":
        first = next(iter(there)).target
        raise InputError(
            f"{len(there)} of {len(tasks)} results are there already, such as {first}; "
            "--existing skip passes over them, --existing overwrite replaces them"
        )
    return [task for task in tasks if task not in there] if existing == "skip" else list(tasks)
