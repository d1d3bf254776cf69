"""What one visitor has before them."""

from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any

from colorization.errors import InputError
from colorization.files.pictures import Picture
from colorization.hints.file import Hint, Hints, check_amount, check_fits, parse_hint

UNCHOSEN = "#ffffff"
SNAP = 1 / 40  # of the longer side: so near to a suggestion, it is meant

Place = tuple[float, float]  # column and row in px of the photograph


@dataclass
class Session:
    """A photograph: hints that have a colour, one that waits for it, suggestions."""

    name: str
    source: str
    picture: Picture
    hints: list[Hint] = field(default_factory=list)
    waiting: Hint | None = None
    suggested: list[Place] = field(default_factory=list)
    pictures: tuple[Any, dict[str, str]] = (None, {})  # as last shown, and of what

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        height, width = self.picture.lightness.shape
        return width, height

    @property
    def memory(self) -> int:
        """Bytes that are kept of it, hints aside, of which there are few."""
        lightness, alpha, _, kept, *_ = self.picture
        about = sum(getsizeof(value) for _, value in kept.values())
        shown = sum(len(url) for url in self.pictures[1].values())
        return lightness.nbytes + (0 if alpha is None else alpha.nbytes) + about + shown

    @property
    def unpacked(self) -> int:
        """Bytes of the coloured photograph, not compressed: its file is hardly larger."""
        _, alpha, bits, *_ = self.picture
        return self.picture.lightness.size * (3 if alpha is None else 4) * bits // 8

    @property
    def given(self) -> Hints | None:
        return Hints(*self.size, tuple(self.hints)) if self.hints else None

    @property
    def current(self) -> Hint | None:
        """The hint that a colour is chosen for."""
        return self.waiting or (self.hints[-1] if self.hints else None)

    def point(self, points: Any, size: float) -> "Session":
        """Have a spot or stroke wait for its colour.

        Args:
            points: columns and rows; one that is close to a suggestion is taken to be that.
            size: % of the shorter side.

        Raises:
            InputError: if it is none, outside the photograph, or more than a file may hold.
        """
        side = max(1.0, round(size / 100 * min(self.size), 1))
        found = {"color": UNCHOSEN, "size": side, "points": points}
        hint = parse_hint(len(self.hints) + 1, found, *self.size)
        check_amount([*self.hints, hint])
        if len(hint.points) == 1:
            hint = hint._replace(points=(self.snapped(hint.points[0]),))
        self.waiting = hint
        return self

    def snapped(self, place: Place) -> Place:
        """The suggestion that a place is close to, or else itself."""
        near = SNAP * max(self.size)
        return next((s for s in self.suggested if distance(s, place) <= near), place)

    def choose(self, color: str, size: float) -> "Session":
        """Give the hint that waits its colour, or the last one another; the next waits."""
        hint = self.current
        if hint is None:
            raise InputError("click a place in the photograph first, then choose its colour")
        found = hint._asdict() | {"color": color}
        colored = parse_hint(len(self.hints) + 1, found, *self.size)
        self.hints = [*(self.hints if self.waiting else self.hints[:-1]), colored]
        self.waiting = None
        was_suggested = hint.points[0] in self.suggested
        self.suggested = [place for place in self.suggested if place != hint.points[0]]
        if was_suggested and self.suggested:
            self.point(self.suggested[:1], size)
        return self

    def take(self, hints: Hints) -> "Session":
        """Take hints out of a file instead of those that there are.

        Raises:
            InputError: if they are for a photograph of another size.
        """
        check_fits(hints, self.picture.lightness.shape)
        self.clear().hints = list(hints.hints)
        return self

    def undo(self) -> "Session":
        """Take back the hint that waits, or else the last one."""
        if self.waiting is None:
            self.hints = self.hints[:-1]
        return self.without_suggestions()

    def clear(self) -> "Session":
        """Take back everything."""
        self.hints = []
        return self.without_suggestions()

    def without_suggestions(self) -> "Session":
        """Of a model that may have another opinion by now."""
        self.waiting, self.suggested = None, []
        return self


def distance(one: Place, other: Place) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
