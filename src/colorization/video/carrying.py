"""Carry colours through the frames of a shot, both ways, along optical flow.

Every pixel has a colour and the variance of its error, as in a Kalman filter: flow that does not
come back to where it started, or that joins unlike lightness, adds to the variance; what is known
of a frame is fused in by its own variance. The passes forward and backward are fused likewise
(Rauch, Tung and Striebel 1965; the flow is that of Kroeger et al. 2016, DIS).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from colorization.files.painting import Floats

SIDE = 180  # px, shorter side of what colours are carried at
UNKNOWN = 1e4  # variance, CIE units squared, of a colour that nothing tells
EXACT = 1e-2  # of a colour that is known
COMMON = 30.0  # variance of what estimates have in common
PER_FRAME = 0.15  # added by every frame, however good the flow
ROUND_TRIP = 0.5  # px of the flow there and back that add UNSURE
UNLIKE = 4.0  # of L, between joined places, likewise
UNSURE = 0.3
TRACED = 60.0  # variance up to which a pixel is traced to what is known
NEAR = 8.0  # px: changes of lightness smoother than this are of the lighting


class State(NamedTuple):
    """Colours of a frame, ab (h,w,2), and the variance of their errors (h,w)."""

    ab: Floats
    variance: Floats


class Link(NamedTuple):
    """How two neighbouring frames are joined.

    ``back`` and ``ahead`` are where each pixel of the later frame was, and of the earlier one will
    be (h,w,2), in px; ``lost_back`` and ``lost_ahead`` the variance that going there adds (h,w).
    """

    back: Floats
    ahead: Floats
    lost_back: Floats
    lost_ahead: Floats


class Linker:
    """Link frames by optical flow of their lightness, one after the other."""

    def __init__(self) -> None:
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, earlier: Floats, later: Floats) -> Link:
        """Link two frames, L (h,w) in 0..100."""
        before, after = (np.rint(L * 2.55).clip(0, 255).astype(np.uint8) for L in (earlier, later))
        places = pixel_places(earlier.shape)
        back = places + self.flow.calc(after, before, None)  # type: ignore[call-overload]
        ahead = places + self.flow.calc(before, after, None)  # type: ignore[call-overload]
        return Link(
            back, ahead, lost(back, ahead, later, earlier), lost(ahead, back, earlier, later)
        )


def pixel_places(shape: tuple[int, ...]) -> Floats:
    """Return x and y of every pixel, (h,w,2)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.dstack([x, y]).astype(np.float32)


def warp(values: Floats, places: Floats) -> Floats:
    """Sample values (h,w) or (h,w,C) at places (h,w,2), bilinear; the border goes on outside."""
    x, y = places[..., 0], places[..., 1]
    found: Any = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def resize(values: Floats, shape: Sequence[int]) -> Floats:
    """Resize values (H,W) or (H,W,C) to (h,w): by areas if that is smaller, else bilinear."""
    if values.shape[:2] == tuple(shape[:2]):
        return values
    how = cv2.INTER_AREA if values.shape[0] > shape[0] else cv2.INTER_LINEAR
    found: Any = cv2.resize(values, (shape[1], shape[0]), interpolation=how)
    return np.asarray(found)


def reduce(values: Floats, side: int = SIDE) -> Floats:
    """Reduce values (H,W) or (H,W,C) to a shorter side, px, that colours are carried at."""
    scale = min(1.0, side / min(values.shape[:2]))
    return resize(values, [max(16, round(length * scale)) for length in values.shape[:2]])


def lost(there: Floats, back: Floats, here: Floats, other: Floats) -> Floats:
    """Return the variance (h,w) that following ``there`` adds."""
    height, width = here.shape
    trip = warp(back, there) - pixel_places(here.shape)
    trip_error = (trip**2).sum(axis=2) / ROUND_TRIP**2
    difference = here - warp(other, there)
    lighting = cv2.GaussianBlur(difference, (0, 0), NEAR)
    detail = cv2.GaussianBlur((difference - lighting) ** 2, (0, 0), 1.5) / UNLIKE**2
    error = PER_FRAME + UNSURE * (trip_error + detail + np.abs(lighting) / 10)
    x, y = there[..., 0], there[..., 1]
    is_outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    found: Floats = np.where(is_outside, UNKNOWN, error).astype(np.float32)
    return found


def carry(state: State, places: Floats, added: Floats) -> State:
    """Carry a state to the next frame."""
    variance = np.minimum(warp(state.variance, places) + added, UNKNOWN)
    return State(warp(state.ab, places), variance)


def fuse(one: State, other: State) -> State:
    """Fuse two estimates of a frame's colours by their variances.

    Many estimates share errors: together they do not come below COMMON, where none was.
    """
    share = one.variance / (one.variance + other.variance)
    ab = one.ab + share[..., None] * (other.ab - one.ab)
    least = np.minimum(np.minimum(one.variance, other.variance), COMMON)
    return State(ab, np.maximum(share * other.variance, least))


def nothing_known(shape: tuple[int, ...]) -> State:
    """Return the state (h,w) of a frame that nothing is known of: gray."""
    return State(np.zeros((*shape[:2], 2), np.float32), np.full(shape[:2], UNKNOWN, np.float32))


def smooth(links: Sequence[Link], known: Sequence[State | None]) -> tuple[list[State], list[State]]:
    """Estimate the colours of consecutive frames.

    Args:
        links: between each frame and the next.
        known: what is known of each frame, independent of its neighbours; of one at least.

    Returns:
        A state of each frame, from both directions; and one from the frames up to it alone.
    """
    shape = next(state for state in known if state).variance.shape
    behind: list[State] = []  # carried backward, without what is known of the frame itself
    state = nothing_known(shape)
    for index in range(len(known) - 1, -1, -1):
        behind.append(state)
        found = known[index]
        state = fuse(state, found) if found else state
        if index:
            state = carry(state, links[index - 1].ahead, links[index - 1].lost_ahead)
    behind.reverse()
    state = nothing_known(shape)
    smoothed, ahead = [], []
    for index, found in enumerate(known):
        if index:
            state = carry(state, links[index - 1].back, links[index - 1].lost_back)
        state = fuse(state, found) if found else state
        ahead.append(state)
        smoothed.append(fuse(state, behind[index]))
    return smoothed, ahead


def traced_share(variance: NDArray[np.float32]) -> float:
    """Return the share of pixels whose colour is traced to what is known."""
    return float((variance <= TRACED).mean())
