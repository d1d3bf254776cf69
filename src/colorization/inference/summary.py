"""What became of every file of an album, for people and for machines."""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from colorization.files.atomic import write_text
from colorization.files.pictures import READ_SUFFIXES, SUFFIXES
from colorization.inference.plan import PhotoTask
from colorization.inference.stream import COLORED, OWN, TONED, PhotoResult

NAMED = 3  # files of a kind that the summary names; the report names all


class AlbumResult(NamedTuple):
    """What became of the files of an album.

    ``colored`` counts the photographs coloured by this call, and ``failed`` says why others were
    not. ``left`` had results, and ``passed`` are no photographs.
    """

    colored: int
    failed: Mapping[Path, str]
    results: tuple[PhotoResult, ...] = ()
    left: tuple[PhotoTask, ...] = ()
    passed: tuple[Path, ...] = ()

    @classmethod
    def of(
        cls, results: Iterable[PhotoResult], left: Iterable[PhotoTask], passed: Iterable[Path]
    ) -> "AlbumResult":
        found = tuple(results)
        failed = {name_of(result.task): result.error for result in found if result.error}
        colored = sum(result.outcome in (COLORED, TONED) for result in found)
        return cls(colored, failed, found, tuple(left), tuple(passed))

    def tasks_of(self, outcome: str) -> list[PhotoTask]:
        return [result.task for result in self.results if result.outcome == outcome]


def name_of(task: PhotoTask) -> Path:
    """A file's path, with its page where that is not the first."""
    return Path(f"{task.source} (page {task.page + 1})") if task.page else task.source


def summarize(album: AlbumResult, output: str) -> list[str]:
    """Return lines that count every file, but for those that failed, whose lines come apart."""
    toned, own = album.tasks_of(TONED), album.tasks_of(OWN)
    changed = [
        task
        for task in (result.task for result in album.results if result.outcome)
        if READ_SUFFIXES.get(task.source.suffix.lower()) not in (*SUFFIXES.values(),)
    ]
    lines = [f"coloured: {album.colored}, in {output}"] if album.colored or not album.failed else []
    if toned:
        lines.append(f"  of them toned, taken as gray: {some(t.source for t in toned)}")
    if own:
        lines.append(
            f"left in their own colours: {some(t.source for t in own)}; --recolor colours them anew"
        )
    if changed:
        formats = " and ".join(sorted({SUFFIXES[t.target.suffix.lower()] for t in changed}))
        lines.append(
            f"written as {formats}, for their own formats are only read: "
            f"{some(t.source for t in changed)}"
        )
    if album.left:
        lines.append(f"left, for their results are there: {some(t.source for t in album.left)}")
    if album.passed:
        lines.append(f"passed over, no pictures: {some(album.passed)}")
    total = len(album.results) + len(album.left) + len(album.passed)
    if len(lines) > 1 or album.failed:
        lines.append(
            f"in all {total}: {album.colored} coloured, {len(own)} in their own colours, "
            f"{len(album.left)} left, {len(album.failed)} failed, {len(album.passed)} passed over"
        )
    return lines


def some(paths: Iterable[Path]) -> str:
    """Return the number of files, and the names of the first."""
    names = [path.name for path in paths]
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(names[:NAMED])}{more})"


def write_report(album: AlbumResult, asked: Mapping[str, Any], path: Path) -> None:
    """Write what became of every file as JSON.

    Args:
        asked: settings of the call.
    """
    files = [
        {
            "file": str(result.task.source),
            "page": result.task.page + 1,
            "outcome": result.outcome or "failed",
            "result": str(result.task.target) if result.outcome else None,
            "notes": list(result.notes),
            "reason": result.error or None,
        }
        for result in album.results
    ]
    files += [
        {"file": str(t.source), "page": t.page + 1, "outcome": "left", "result": str(t.target)}
        for t in album.left
    ]
    files += [{"file": str(path), "outcome": "passed over"} for path in album.passed]
    outcomes = [str(file["outcome"]) for file in files]
    kinds = (COLORED, TONED, OWN, "left", "failed", "passed over")
    report = {
        "version": version("colorization"),
        "settings": dict(asked),
        "counts": {kind: outcomes.count(kind) for kind in kinds} | {"files": len(files)},
        "files": sorted(files, key=lambda file: (file["file"], file.get("page", 1))),
    }
    write_text(json.dumps(report, indent=1) + "\n", path)
