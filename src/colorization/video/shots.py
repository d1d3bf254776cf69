"""Find the shots of a film, and count its frames, before anything is coloured."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scenedetect import ContentDetector, FrameTimecode

from colorization.errors import InputError
from colorization.files.atomic import write_text
from colorization.files.painting import Floats
from colorization.video.carrying import reduce
from colorization.video.film import Frame, Look, lightness_of, read_frames

SHORTEST = 8  # frames
DIFFERENCE = 22.0  # mean change of lightness, of 255, that is a cut
SMALL = 96  # px, shorter side of what is compared


class Plan(NamedTuple):
    """The shots of a film: first frame of each, and the number of all; damaged frames by number."""

    starts: tuple[int, ...]
    frames: int
    damaged: tuple[int, ...]

    @property
    def shots(self) -> list[tuple[int, int]]:
        """First frame and number of frames of each shot."""
        ends = [*self.starts[1:], self.frames]
        return [(start, end - start) for start, end in zip(self.starts, ends, strict=True)]


def plan_shots(
    path: Path,
    look: Look,
    until: int | None = None,
    watch: Callable[[Iterator[Frame]], Iterator[Frame]] = lambda frames: frames,
) -> Plan:
    """Find the shots of a film (PySceneDetect, by lightness).

    Args:
        until: time stamp at which to stop.
        watch: goes through the frames, and shows how far that is.

    Raises:
        InputError: if it has no frames.
    """
    detector = ContentDetector(DIFFERENCE, SHORTEST, luma_only=True)
    starts, damaged, count = [0], [], 0
    for count, frame in enumerate(watch(read_frames(path, look)), start=1):
        if until is not None and frame.pts >= until:
            count -= 1
            break
        if frame.is_damaged:
            damaged.append(count - 1)
        seen = small_picture(lightness_of(shrunk(frame), look))
        found = detector.process_frame(FrameTimecode(count - 1, fps=25.0), seen)
        starts += [cut.frame_num for cut in found]
    if not count:
        raise InputError(f"{path} has no frames that can be read")
    return Plan(tuple(sorted(set(starts))), count, tuple(damaged))


def shrunk(frame: Frame) -> Floats:
    """Reduce luma to what shots are found at."""
    return reduce(frame.luma, SMALL)


def small_picture(L: Floats) -> np.ndarray:
    """Return L (h,w) as gray BGR of 8 bits."""
    return np.repeat(np.rint(L * 2.55).astype(np.uint8)[..., None], 3, axis=2)


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON."""
    write_text(json.dumps(plan._asdict()) + "\n", path)


def read_plan(path: Path) -> Plan | None:
    """Read a plan; None if there is none that can be read."""
    try:
        found = json.loads(path.read_text())
        return Plan(tuple(found["starts"]), int(found["frames"]), tuple(found["damaged"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
