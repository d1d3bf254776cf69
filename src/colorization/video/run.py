"""Colour a film from file to file, shot by shot; an interrupted run goes on where it was."""

import json
import logging
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from colorization import __version__
from colorization.errors import InputError, goes_on
from colorization.files.atomic import check_room, held, write_text
from colorization.files.painting import Floats
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.models.registry import DEFAULT
from colorization.video.carrying import reduce, resize
from colorization.video.encoding import (
    CODECS,
    Encoding,
    describe_settings,
    format_name,
    pixel_format,
    read_index,
    write_film,
    writing_part,
)
from colorization.video.film import Frame, Look, has_colors, lightness_of, read_frames, read_look
from colorization.video.keyframes import (
    KeyFrames,
    as_lightness,
    find_references,
    upright,
)
from colorization.video.shot_colorizer import CHUNK, ShotColorizer
from colorization.video.shots import Plan, plan_shots, read_plan, write_plan

log = logging.getLogger(__name__)

BUFFER = 200_000_000  # bytes of luma of the frames that are coloured together
LEAST = 8  # frames, of these
JOURNAL = ".shots"  # is added to the output's name
SETTINGS = "settings.json"
PLAN = "plan.json"

Progress = Callable[[Iterator[Any], str, int | None], Iterator[Any]]


class FilmResult(NamedTuple):
    """What was done: frames and shots of the film, shots coloured by this call, and seconds."""

    frames: int
    shots: int
    colored: int
    seconds: float


class FilmTask(NamedTuple):
    """A film that is to be coloured, and where its parts are kept meanwhile."""

    source: Path
    target: Path
    look: Look
    encoding: Encoding
    journal: Path
    keyframes: KeyFrames | None


class Shot(NamedTuple):
    """A shot of a film.

    ``number`` counts from 1. ``made_of`` is all that its part depends on, as text.
    """

    number: int
    frames: int
    reference: Path | None
    made_of: str
    is_done: bool


def colorize_film(
    input: str,
    output: str,
    *,
    model: str = DEFAULT,
    codec: str = "h264",
    quality: int = 18,
    keyframes: str | None = None,
    reference: str | None = None,
    seconds: float | None = None,
    saturation: float = 1,
    overwrite: bool = False,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
    colorizer: PhotoColorizer | None = None,
) -> FilmResult:
    """Colour a film.

    Args:
        input: path of a film.
        output: path of the coloured film; its suffix is the format.
        codec: a name of :data:`colorization.video.encoding.CODECS`.
        quality: of the encoding, 0 to 51; lower is better. ProRes and FFV1 have none.
        keyframes: folder for the key frames, and for what corrects them.
        reference: path of a photograph that guides all shots, or of a folder of several.
        seconds: only so much of the beginning is coloured; None is all.
        overwrite: whether an output that exists is replaced.
        model, saturation, device, precision: as for :meth:`PhotoColorizer.load`.
        progress: shows how far iterations are; None is bars in the terminal.
        colorizer: is used instead of loading ``model``.

    Raises:
        InputError: if the film, or a setting, is not usable.
        KeyboardInterrupt: on Ctrl-C; the same call goes on where it was.
    """
    started = time.monotonic()
    source, target = Path(input), Path(output)
    check_paths(source, target, overwrite)
    check_settings(codec, quality, seconds)
    look = read_look(source)
    pixel_format(look, codec)
    keys = KeyFrames(Path(keyframes)) if keyframes else None
    journal = Path(f"{keyframes}/.parts") if keyframes else Path(f"{output}{JOURNAL}")
    task = FilmTask(source, target, look, Encoding(codec, quality), journal, keys)
    check_room(existing_parent(target), source.stat().st_size, "free some room")
    with held(journal) as is_ours:
        if not is_ours:
            raise InputError(f"{journal} is in use by another process; wait until that has ended")
        say_what_is_done(source, look)
        asked = [str(source.resolve()), source.stat().st_size, source.stat().st_mtime_ns, seconds]
        plan = make_plan(task, asked, seconds, progress or show)
        common = [*asked, model, saturation, describe_settings(look, task.encoding), __version__]
        shots = list_shots(task, plan, Path(reference) if reference else None, common)
        done = sum(shot.is_done for shot in shots)
        if done:
            log.info("%d of %d shots are coloured already", done, len(shots))
        if done < len(shots):
            colorizer = colorizer or PhotoColorizer.load(
                model, device=device, precision=precision, saturation=saturation
            )
            color_shots(task, shots, colorizer, progress or show)
        parts = [part_path(journal, shot.number) for shot in shots]
        until = None if seconds is None else Fraction(seconds) + start_of(parts[0], look)
        for note in write_film(source, target, parts, look, task.encoding, until):
            log.info("%s", note)
    if not keys:
        shutil.rmtree(journal, ignore_errors=True)
    return FilmResult(plan.frames, len(shots), len(shots) - done, time.monotonic() - started)


def check_paths(source: Path, target: Path, overwrite: bool) -> None:
    """Raise InputError unless a film can be written from one path to the other."""
    format_name(target)
    if source.exists() and target.exists() and source.samefile(target):
        raise InputError(f"{target} is the input too; set output to another file")
    if target.is_dir():
        raise InputError(f"output is {target}, a folder; give a file such as {target}/film.mp4")
    if target.exists() and not overwrite:
        raise InputError(f"{target} is there already; --overwrite replaces it")


def check_settings(codec: str, quality: int, seconds: float | None) -> None:
    """Raise InputError for a setting of :func:`colorize_film` that cannot be meant."""
    if codec not in CODECS:
        raise InputError(f"codec is {codec}; it must be one of {', '.join(CODECS)}")
    if not 0 <= quality <= 51:
        raise InputError(f"quality is {quality}; it must be 0 to 51")
    if seconds is not None and not seconds > 0:
        raise InputError(f"seconds is {seconds:g}; it must be above 0")


def existing_parent(path: Path) -> Path:
    """Return the nearest folder above a path that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def say_what_is_done(source: Path, look: Look) -> None:
    """Log what is done to a film beside colouring it."""
    if has_colors(source):
        log.info("%s has colours of its own, which are left out", source)
    if look.is_interlaced:
        log.info("%s is interlaced: its fields are joined to whole frames", source)
    if look.width % 2 or look.height % 2:
        log.info(
            "%d x %d px is an odd size: chroma is kept at full resolution, which some players "
            "cannot show",
            *look[:2],
        )


def make_plan(
    task: FilmTask, asked: Sequence[Any], seconds: float | None, progress: Progress
) -> Plan:
    """Return the plan of an interrupted call, or a new one."""
    text = json.dumps(asked)
    settings, path = task.journal / SETTINGS, task.journal / PLAN
    found = read_plan(path)
    if found and settings.exists() and settings.read_text() == text:
        return found
    start = next(read_frames(task.source, task.look)).pts
    until = None if seconds is None else start + round(seconds / task.look.time_base)
    plan = plan_shots(
        task.source, task.look, until, lambda frames: progress(frames, "finding shots", None)
    )
    for number in plan.damaged:
        log.warning("frame %d of %s is damaged", number + 1, task.source)
    write_plan(plan, path)
    write_text(text, settings)
    return plan


def list_shots(
    task: FilmTask, plan: Plan, reference: Path | None, common: Sequence[Any]
) -> list[Shot]:
    """List the shots of a film, each with its reference and whether its part is there.

    Args:
        common: what the parts of all shots depend on.

    Raises:
        InputError: if the reference cannot be used.
    """
    references = find_references(reference, len(plan.shots))
    shots = []
    for number, (span, path) in enumerate(zip(plan.shots, references, strict=True), 1):
        correction = task.keyframes.state(number) if task.keyframes else ""
        made_of = json.dumps([*common, *span, stamp(path), correction])
        is_done = has_part(task.journal, number, made_of)
        shots.append(Shot(number, span[1], path, made_of, is_done))
    return shots


def color_shots(
    task: FilmTask, shots: Sequence[Shot], colorizer: PhotoColorizer, progress: Progress
) -> None:
    """Colour the shots of a film that are not done yet; each is kept as soon as it is."""
    total = sum(shot.frames for shot in shots if not shot.is_done)
    with goes_on():
        for _ in progress(frames_of_shots(task, shots, colorizer), "colouring", total):
            pass


def frames_of_shots(
    task: FilmTask, shots: Sequence[Shot], colorizer: PhotoColorizer
) -> Iterator[int]:
    """Colour shots; yield after each frame."""
    film = read_frames(task.source, task.look)
    shot_colorizer = ShotColorizer(colorizer)
    for shot in shots:
        frames = islice(film, shot.frames)
        if shot.is_done:
            for _ in frames:
                pass
            continue
        colorizer.set_reference(shot.reference)
        path = part_path(task.journal, shot.number)
        with writing_part(path, task.look, task.encoding) as part:
            for frame, ab in color_shot(shot_colorizer, frames, task, shot.number):
                part.add(frame.luma, frame.pts, ab)
                yield shot.number
        write_text(shot.made_of, path.with_suffix(".json"))


def color_shot(
    shot_colorizer: ShotColorizer, frames: Iterator[Frame], task: FilmTask, number: int
) -> Iterator[tuple[Frame, Floats]]:
    """Colour the frames of one shot; yield each with its ab (h,w,2)."""
    look, keys = task.look, task.keyframes
    bytes_each = look.width * look.height * (1 if look.bits == 8 else 2)
    chunk = int(np.clip(BUFFER // bytes_each, LEAST, CHUNK))
    waiting: deque[Frame] = deque()

    def upright_lightness(frame: Frame) -> Floats:
        return upright(lightness_of(frame.luma, look), look.rotation)

    def small() -> Iterator[Floats]:
        for frame in chain([first], frames):
            waiting.append(frame)
            yield reduce(upright_lightness(frame))

    first = next(frames)
    lightness = as_lightness(upright_lightness(first))
    given = keys.given(number, lightness, shot_colorizer.colorizer) if keys else None
    known = {} if given is None else {0: resize(given, reduce(upright_lightness(first)).shape)}
    for index, ab in enumerate(shot_colorizer.colorize(small(), known, chunk)):
        if keys and not index:
            keys.write(number, lightness, ab)
        yield waiting.popleft(), upright(ab, -look.rotation)


def part_path(journal: Path, number: int) -> Path:
    """Return where a shot is kept, encoded."""
    return journal / f"shot-{number:05d}.bin"


def has_part(journal: Path, number: int, made_of: str) -> bool:
    """Tell whether a shot's part is there, and made of just this."""
    path = part_path(journal, number)
    text = path.with_suffix(".json")
    return path.exists() and text.exists() and text.read_text() == made_of


def stamp(path: Path | None) -> Any:
    """Return what tells whether a file has changed."""
    return path and [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns]


def start_of(part: Path, look: Look) -> Fraction:
    """Return when the film starts, s."""
    return int(read_index(part)[:, 1].min()) * look.time_base


def show(items: Iterator[Any], what: str, total: int | None) -> Iterator[Any]:
    """Show progress with frames a second and the time left."""
    from rich.progress import MofNCompleteColumn

    from colorization.reports.progress import RateColumn, shown

    return shown(items, what, total, columns=(MofNCompleteColumn(), RateColumn()))
