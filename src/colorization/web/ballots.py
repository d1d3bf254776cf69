"""Questions and votes of judges, in one SQLite file that is never half written."""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from colorization.errors import InputError
from colorization.evaluation.preferences import CHECK, PREFER, REAL, Vote

TRUTH, GRAY = "(truth)", "(gray)"
CHECK_EVERY = 8  # questions, on average
WAIT = 30.0  # s for another process that writes
SCHEMA = """
create table if not exists questions (
    token text primary key, judge text not null, kind text not null, photograph text not null,
    left text not null, right text not null, asked real not null,
    chosen text, answered real
)"""


class Question(NamedTuple):
    """Two pictures of a photograph: methods by name, TRUTH or GRAY, as they lie on the page."""

    token: str
    kind: str
    photograph: str
    left: str
    right: str


class Ballots:
    """Makes questions and keeps answers; any number of threads and processes at a time.

    Args:
        path: of the SQLite file.
        pictures: the photographs that each method, and TRUTH, has.

    Raises:
        InputError: if no photograph has two pictures, or the file is no database.
    """

    def __init__(self, path: Path, pictures: Mapping[str, Sequence[str]]) -> None:
        self.path = path
        self.random = secrets.SystemRandom()
        have = {name: set(keys) for name, keys in pictures.items()}
        self.pairs = [
            (one, other, sorted(have[one] & have[other]))
            for one, other in combinations(have, 2)
            if have[one] & have[other]
        ]
        if not self.pairs:
            raise InputError("no photograph has pictures in two folders; name them alike")
        try:
            with self.open() as database:
                database.execute("pragma journal_mode=wal")
                database.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{path} is no file of votes ({error}); set another --votes"
            ) from error

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which is on the disk when this ends."""
        database = sqlite3.connect(self.path, timeout=WAIT)
        try:
            with database:
                yield database
        finally:
            database.close()

    def ask(self, judge: str) -> Question:
        """Make a question: pair, photograph, sides and order at random; some check attention."""
        one, other, keys = self.random.choice(self.pairs)
        kind = REAL if TRUTH in (one, other) else PREFER
        if self.random.randrange(CHECK_EVERY) == 0:
            one, other, kind = one, GRAY, CHECK
        sides = [one, other]
        self.random.shuffle(sides)
        asked = Question(secrets.token_urlsafe(12), kind, self.random.choice(keys), *sides)
        with self.open() as database:
            database.execute(
                "insert into questions (token, kind, photograph, left, right, judge, asked)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (*asked, judge, time.time()),
            )
        return asked

    def find(self, token: str) -> Question | None:
        """Find a question that was asked."""
        with self.open() as database:
            row = database.execute(
                "select token, kind, photograph, left, right from questions where token = ?",
                (token,),
            ).fetchone()
        return Question(*row) if row else None

    def vote(self, token: str, side: str) -> bool:
        """Keep an answer, ``left`` or ``right``; False if there is no such open question."""
        asked = self.find(token)
        if asked is None or side not in ("left", "right"):
            return False
        chosen = asked.left if side == "left" else asked.right
        with self.open() as database:
            done = database.execute(
                "update questions set chosen = ?, answered = ? where token = ? and chosen is null",
                (chosen, time.time(), token),
            )
            return done.rowcount == 1

    def count(self, judge: str) -> int:
        """Count a judge's answers."""
        query = "select count(*) from questions where judge = ? and chosen is not null"
        with self.open() as database:
            return int(database.execute(query, (judge,)).fetchone()[0])

    def votes(self) -> list[Vote]:
        """Return all answers."""
        with self.open() as database:
            rows = database.execute(
                "select judge, kind, chosen, case chosen when left then right else left end"
                " from questions where chosen is not null order by answered"
            ).fetchall()
        return [Vote(*row) for row in rows]
