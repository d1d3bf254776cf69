"""Colour the frames of a shot at a reduced size: key frames by the model, the rest by carrying."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

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
    resize,
    smooth,
    traced_share,
)

CHUNK = 96  # frames that are coloured together
READ_EVERY = 4  # frames: so often colours are read from the key frames by likeness
KEY_EVERY = 24  # frames between key frames at the most
NEEDED = 0.6  # share of a frame that must be traced to a key frame
KEPT = 8  # key frames that are remembered: the first, and the last ones
MODEL_VARIANCE = 300.0  # of a predicted colour, CIE units squared
READ_VARIANCE = 60.0  # of one that was read, where the best match is sure and all agree
UNLIKELY = 4000.0  # added to that at a likeness of nothing; falls with the square of likeness
SURE = 0.75  # cosine of a sure match


class ShotColorizer:
    """Colours the frames of one shot after another.

    Args:
        colorizer: colours key frames.
    """

    def __init__(self, colorizer: PhotoColorizer) -> None:
        self.colorizer = colorizer
        self.linker = Linker()
        self.start_shot()

    def start_shot(self) -> None:
        """Forget the last shot."""
        self.memories: list[Memory] = []
        self.is_guided = False
        self.last: State | None = None

    def colorize(self, frames: Sequence[Floats], given: Mapping[int, Floats]) -> list[Floats]:
        """Colour consecutive frames of a shot, which go on where the last ones ended.

        The first frame must be the last of the call before, if there was one for this shot.

        Args:
            frames: L (h,w) in 0..100, of :func:`reduce`.
            given: ab (h,w,2) of frames whose colours are known, by index.

        Returns:
            ab (h,w,2) of each frame.
        """
        links = [self.linker(*pair) for pair in pairwise(frames)]
        keys = find_keys(links, sorted(given), len(frames))
        if self.last:
            keys = [key for key in keys if key]
        elif not keys or keys[0]:
            keys = [0, *keys]
        looked_at = {*keys, *range(0, len(frames), READ_EVERY)}
        described = {index: self.describe(frames[index]) for index in looked_at}
        predicted = {key: self.predict(frames[key]) for key in keys if key not in given}
        self.remember(described, predicted, given)
        known: list[State | None] = [
            self.read(described[index], frames[index].shape) if index in described else None
            for index in range(len(frames))
        ]
        for index, ab in predicted.items():
            known[index] = blend(State(ab, np.full_like(ab[..., 0], MODEL_VARIANCE)), known[index])
        for index, ab in given.items():
            known[index] = State(ab, np.full_like(ab[..., 0], EXACT))
        if self.last:
            known[0] = self.last
        states = smooth(links, known)
        self.last = states[-1]
        return [state.ab for state in states]

    def remember(
        self,
        described: Mapping[int, Described],
        predicted: Mapping[int, Floats],
        given: Mapping[int, Floats],
    ) -> None:
        """Remember key frames: those that are given, or else what the model predicts."""
        if given and not self.is_guided:
            self.memories, self.is_guided = [], True
        found = given if self.is_guided else predicted
        for index, ab in found.items():
            self.memories.append(remember(described[index], self.as_tensor(ab)))
        if len(self.memories) > KEPT:
            self.memories = [self.memories[0], *self.memories[1 - KEPT :]]

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


def blend(one: State, other: State | None) -> State:
    """Take the mean of two dependent estimates by their variances; the smaller variance stays."""
    if other is None:
        return one
    share = (one.variance / (one.variance + other.variance))[..., None]
    return State(one.ab + share * (other.ab - one.ab), np.minimum(one.variance, other.variance))


def find_keys(links: Sequence[Link], given: Sequence[int], count: int) -> list[int]:
    """Choose key frames: those given, and where too little is traced to the last one.

    Args:
        links: between each of ``count`` frames and the next.
    """
    keys = [0]
    shape = links[0].lost_back.shape if links else (1, 1)
    traced = State(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32))
    for index in range(1, count):
        traced = carry(traced, links[index - 1].back, links[index - 1].lost_back)
        is_far = index - keys[-1] >= KEY_EVERY or traced_share(traced.variance) < NEEDED
        if index in given or is_far:
            keys.append(index)
            traced = State(traced.ab, np.zeros(shape, np.float32))
    return keys
