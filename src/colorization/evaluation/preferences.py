"""What people's votes say: fooling rates and Bradley-Terry strengths, with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

REAL, PREFER, CHECK = "real", "prefer", "check"
RESAMPLES = 500
SEED = 0
ROUNDS = 500
PRIOR = 0.5  # wins that each method is given over each other: strengths stay finite
JUDGES = 5  # from so many on, judges are drawn anew, else votes
CHECKS, PASSED = 3, 2 / 3  # of a judge's attention checks, if there are so many


class Vote(NamedTuple):
    """One answer: who gave it to which question, what was chosen, and what was not."""

    judge: str
    kind: str
    chosen: str
    other: str


class Preferences(NamedTuple):
    """Fooling rates and log strengths by method, each as mean, low, high; and who was left out."""

    votes: int
    judges: int
    careless: list[str]
    fooling: dict[str, tuple[float, float, float]]
    strengths: dict[str, tuple[float, float, float]]


def read_votes(votes: Sequence[Vote], right: str, truth: str) -> Preferences:
    """Sum up votes; judges who miss more than a third of at least three checks are left out.

    Args:
        right: what is to be chosen in an attention check.
        truth: the name of the true photograph in questions which is real.
    """
    careless = find_careless(votes, right)
    kept = [vote for vote in votes if vote.judge not in careless and vote.kind != CHECK]
    prefer = [vote for vote in kept if vote.kind == PREFER]
    fooled: dict[str, list[bool]] = {}
    for vote in kept:
        if vote.kind == REAL:
            method = vote.other if vote.chosen == truth else vote.chosen
            fooled.setdefault(method, []).append(vote.chosen != truth)
    return Preferences(
        len(kept),
        len({vote.judge for vote in kept}),
        careless,
        {method: estimate_share(sum(v), len(v)) for method, v in sorted(fooled.items())},
        estimate_strengths(prefer),
    )


def find_careless(votes: Sequence[Vote], right: str) -> list[str]:
    """Name the judges who miss too many attention checks."""
    checks: dict[str, list[bool]] = {}
    for vote in votes:
        if vote.kind == CHECK:
            checks.setdefault(vote.judge, []).append(vote.chosen == right)
    return [j for j, found in checks.items() if len(found) >= CHECKS and np.mean(found) < PASSED]


def estimate_share(hits: int, count: int) -> tuple[float, float, float]:
    """Estimate a share and its 95% interval (Wilson 1927)."""
    z = 1.959964
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return share, float(middle - reach), float(middle + reach)


def estimate_strengths(votes: Sequence[Vote]) -> dict[str, tuple[float, float, float]]:
    """Fit Bradley and Terry (1952): log strengths with mean 0, and bootstrap intervals.

    Votes of one judge belong together: judges are resampled where there are five or more.
    """
    if not votes:
        return {}
    names = sorted({name for vote in votes for name in (vote.chosen, vote.other)})
    place = {name: index for index, name in enumerate(names)}
    by_judge: dict[str, np.ndarray] = {}
    each = np.zeros((len(votes), len(names), len(names)))
    for number, vote in enumerate(votes):
        each[number, place[vote.chosen], place[vote.other]] = 1
        wins = by_judge.setdefault(vote.judge, np.zeros_like(each[0]))
        wins += each[number]
    units = np.stack([*by_judge.values()]) if len(by_judge) >= JUDGES else each
    random = np.random.default_rng(SEED)
    drawn = [
        fit_strengths(units[random.integers(0, len(units), len(units))].sum(0))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    middle = fit_strengths(each.sum(0))
    return {name: (float(middle[i]), float(low[i]), float(high[i])) for name, i in place.items()}


def fit_strengths(wins: np.ndarray, prior: float = PRIOR) -> np.ndarray:
    """Fit log strengths (M,) with mean 0 to wins (M,M) of row over column (Hunter 2004's MM)."""
    wins = wins + prior * (1 - np.eye(len(wins)))
    games = wins + wins.T
    won = wins.sum(1)
    strength = np.ones(len(wins))
    for _ in range(ROUNDS):
        before = strength
        strength = won / (games / (strength[:, None] + strength[None])).sum(1)
        strength /= np.exp(np.log(strength).mean())
        if np.abs(np.log(strength / before)).max() < 1e-10:
            break
    return np.asarray(np.log(strength))


def describe(found: Preferences) -> Mapping[str, str]:
    """Say in a line each what is left out or too little."""
    lines = {}
    if found.careless:
        lines["careless"] = f"{len(found.careless)} judges missed the attention checks; left out."
    if found.judges < JUDGES:
        lines["judges"] = f"{found.judges} judges: the intervals are of votes, not of people."
    return lines
