"""Keep one visitor's photograph and hints."""

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
    """A photograph with its hints, a hint that waits for its colour, and suggested places."""

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
        """Bytes that the session keeps, without the hints, which are few."""
        lightness, alpha, _, kept, *_ = self.picture
        about = sum(getsizeof(value) for _, value in kept.values())
        shown = sum(len(url) for url in self.pictures[1].values())
        return lightness.nbytes + (0 if alpha is None else alpha.nbytes) + about + shown

    @property
    def unpacked(self) -> int:
        """Bytes of the uncompressed coloured photograph; its file is hardly larger."""
        _, alpha, bits, *_ = self.picture
        return self.picture.lightness.size * (3 if alpha is None else 4) * bits // 8

    @property
    def given(self) -> Hints | None:
        return Hints(*self.size, tuple(self.hints)) if self.hints else None

    @property
    def current(self) -> Hint | None:
        """The hint that the next chosen colour is for."""
        return self.waiting or (self.hints[-1] if self.hints else None)

    def point(self, points: Any, size: float) -> "Session":
        """Add a spot or stroke that waits for its colour.

        Args:
            points: columns and rows; a single point near a suggested place moves onto it.
            size: % of the shorter side.

        Raises:
            InputError: if there is no point, one is outside, or there are too many hints.
        """
        side = max(1.0, round(size / 100 * min(self.size), 1))
        found = {"color": UNCHOSEN, "size": side, "points": points}
        hint = parse_hint(len(self.hints) + 1, found, *self.size)
        check_amount([*self.hints, hint])
        if len(hint.points) == 1:
            hint = hint._replace(points=(self.snap(hint.points[0]),))
        self.waiting = hint
        return self

    def snap(self, place: Place) -> Place:
        """Return the suggested place near a place, or the place itself."""
        near = SNAP * max(self.size)
        return next((s for s in self.suggested if measure_distance(s, place) <= near), place)

    def choose(self, color: str, size: float) -> "Session":
        """Give the waiting hint its colour, or the last hint a new one; a suggestion waits next."""
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
        """Replace all hints by those of a file.

        Raises:
            InputError: if they are for a photograph of another size.
        """
        check_fits(hints, self.picture.lightness.shape)
        self.clear().hints = list(hints.hints)
        return self

    def undo(self) -> "Session":
        """Remove the waiting hint, or else the last one."""
        if self.waiting is None:
            self.hints = self.hints[:-1]
        return self.drop_suggestions()

    def clear(self) -> "Session":
        """Remove all hints."""
        self.hints = []
        return self.drop_suggestions()

    def drop_suggestions(self) -> "Session":
        """Remove the waiting hint and the suggested places; a new prediction may differ."""
        self.waiting, self.suggested = None, []
        return self


def measure_distance(one: Place, other: Place) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
