"""Colour the frames of a shot at a reduced size, from given colours or from the model's guesses.

Given colours are carried along the motion and read by likeness; the model only fills gaps. Where
none are given, the model colours every frame, and its guesses are averaged along the motion.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise

import numpy as np
import torch
from torch import Tensor

from colorization.files.painting import FULL, Floats
from colorization.hints.reference import Described, Memory, join, read_colors, remember
from colorization.inference.photo_colorizer import PhotoColorizer
from colorization.inference.reference import describe_for
from colorization.models.torch_model import TorchModel
from colorization.video.carrying import (
    EXACT,
    Link,
    Linker,
    State,
    carry,
    fuse,
    resize,
    smooth,
    traced_share,
)

CHUNK = 96  # frames that are coloured together
AHEAD = 20  # of them that are coloured again with the next ones
READ_EVERY = 4  # frames: so often given colours are read by likeness
KEY_EVERY = 24  # frames between key frames at the most, where colours are given
NEEDED = 0.6  # share of a frame that must be traced to a key frame
MODEL_VARIANCE = 300.0  # of a predicted colour, CIE units squared
DRIFT = 30.0  # added by every frame where all are predicted: about 4 are averaged, each way
READ_VARIANCE = 60.0  # of one that was read, where the best match is sure and all agree
UNLIKELY = 4000.0  # added to that at a likeness of nothing; falls with the square of likeness
SURE = 0.75  # cosine of a sure match


class ShotColorizer:
    """Colours films shot by shot.

    Args:
        colorizer: colours key frames.
    """

    def __init__(self, colorizer: PhotoColorizer) -> None:
        self.colorizer = colorizer
        self.linker = Linker()
        self.memories: list[Memory] = []

    def colorize(
        self, frames: Iterable[Floats], given: Mapping[int, Floats], chunk: int = CHUNK
    ) -> Iterator[Floats]:
        """Colour the frames of a shot, whose colours follow from those before and after.

        Args:
            frames: L (h,w) in 0..100, of :func:`colorization.video.carrying.reduce`.
            given: ab (h,w,2) of frames whose colours are known, by index in the first chunk.
            chunk: frames that are coloured together, and in memory.

        Yields:
            ab (h,w,2) of each frame.
        """
        self.memories = []
        coming, ahead = iter(frames), min(AHEAD, chunk // 3)
        part: list[Floats] = []
        guesses: list[Floats] = []
        keys: list[int] = []
        first: State | None = None
        start, has_more = 0, True  # number in the shot of the first frame of the part
        while has_more:
            decided = len(part)
            part += islice(coming, chunk - decided)
            has_more = len(part) == chunk
            if not part:
                return
            links = [self.linker(*pair) for pair in pairwise(part)]
            if given:
                fixed = [key - start for key in keys] if first else sorted({0, *given})
                found = find_keys(links, fixed, decided, len(part))
                keys = [start + key for key in found]
                known = self.read_all(part, start, found, {} if first else given)
            else:
                guesses += [self.predict(frame) for frame in part[len(guesses) :]]
                known = [predicted(ab) for ab in guesses]
                links = [drifting(link) for link in links]
            known[0] = first or known[0]
            states, carried = smooth(links, known)
            end = len(states) - (ahead if has_more else 0)
            yield from (state.ab for state in states[1 if first else 0 : end])
            part, guesses, first = part[end - 1 :], guesses[end - 1 :], carried[end - 1]
            start += end - 1

    def read_all(
        self, frames: Sequence[Floats], start: int, keys: Sequence[int], given: Mapping[int, Floats]
    ) -> list[State | None]:
        """Tell what is known of frames: by likeness of every few, by the model of key frames.

        Args:
            start: number in the shot of the first of them.
            keys: the key frames among them.
            given: ab (h,w,2) of those whose colours are known.
        """
        reads = range(-start % READ_EVERY, len(frames), READ_EVERY)
        described = {index: self.describe(frames[index]) for index in {*given, *reads, *keys}}
        for index, ab in given.items():
            self.memories.append(remember(described[index], self.as_tensor(ab)))
        known: list[State | None] = [
            self.read(described[index], frame.shape) if index in described else None
            for index, frame in enumerate(frames)
        ]
        for index in set(keys) - set(given):
            guess, read = predicted(self.predict(frames[index])), known[index]
            known[index] = fuse(guess, read) if read else guess
        for index, ab in given.items():
            known[index] = State(ab, np.full_like(ab[..., 0], EXACT))
        return known

    def read(self, described: Described, shape: tuple[int, ...]) -> State:
        """Read a frame's colours from what is remembered."""
        with torch.inference_mode():
            reading = read_colors(join(self.memories), described)
        ab, spread, likeness = (values.float().cpu().numpy() for values in reading)
        unlike = np.maximum(0, SURE - resize(likeness, shape)) ** 2
        variance = READ_VARIANCE + resize(spread, shape) ** 2 + UNLIKELY * unlike
        return State(resize(ab.transpose(1, 2, 0), shape), variance.astype(np.float32))

    def predict(self, L: Floats) -> Floats:
        """Predict ab (h,w,2) of a frame L (h,w)."""
        lightness = np.rint(L * (FULL / 100)).clip(0, FULL).astype(np.uint16)
        (ab,) = self.colorizer.predict([lightness])
        return resize(ab.transpose(1, 2, 0), L.shape)

    def describe(self, L: Floats) -> Described:
        """Describe a frame by features of the model's encoder, if it has one."""
        return describe_for(self.colorizer.model, self.as_tensor(L[..., None]))

    def as_tensor(self, values: Floats) -> Tensor:
        """Bring values (h,w,C) to the model's device as (C,h,w)."""
        model = self.colorizer.model
        found = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))
        return found.to(model.hardware.device) if isinstance(model, TorchModel) else found


def predicted(ab: Floats) -> State:
    """Return the state of a frame whose ab (h,w,2) the model has predicted."""
    return State(ab, np.full_like(ab[..., 0], MODEL_VARIANCE))


def drifting(link: Link) -> Link:
    """Return a link that adds DRIFT."""
    lost_back, lost_ahead = link.lost_back + DRIFT, link.lost_ahead + DRIFT
    return link._replace(lost_back=lost_back, lost_ahead=lost_ahead)


def find_keys(links: Sequence[Link], fixed: Sequence[int], decided: int, count: int) -> list[int]:
    """Choose key frames: where too little of a frame is traced to the last one, or it is far.

    Args:
        links: between each of ``count`` frames and the next.
        fixed: key frames in any case.
        decided: of so many first frames, those are all.
    """
    keys = [0] if 0 in fixed else []
    shape = links[0].lost_back.shape if links else (1, 1)
    traced = State(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32))
    last = 0
    for index in range(1, count):
        traced = carry(traced, links[index - 1].back, links[index - 1].lost_back)
        is_far = index - last >= KEY_EVERY or traced_share(traced.variance) < NEEDED
        if index in fixed or (is_far and index >= decided):
            keys.append(index)
            last, traced = index, State(traced.ab, np.zeros(shape, np.float32))
    return keys
