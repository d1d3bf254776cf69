"""Checks of settings against their limits; every error names the setting."""

from src.errors import InputError


def at_least(group: str, config: object, **limits: float) -> None:
    """Raise InputError unless each named setting is null or at least its limit; NaN is not."""
    for name, limit in limits.items():
        value = getattr(config, name)
        if value is not None and not value >= limit:
            raise InputError(f"{setting(group, name)} is {value}; it must be at least {limit}")


def at_most(group: str, config: object, **limits: float) -> None:
    """Raise InputError unless each named setting is null or at most its limit; NaN is not."""
    for name, limit in limits.items():
        value = getattr(config, name)
        if value is not None and not value <= limit:
            raise InputError(f"{setting(group, name)} is {value}; it must be at most {limit}")


def above_zero(group: str, config: object, name: str) -> None:
    """Raise InputError unless a setting is above zero and finite."""
    value = getattr(config, name)
    if not 0 < value < float("inf"):
        raise InputError(f"{setting(group, name)} is {value}; it must be above 0 and finite")


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise InputError unless a setting is one of those known."""
    if value not in known:
        raise InputError(f"{name} is {value!r}; it must be one of: {', '.join(known)}")


def several(name: str, value: object) -> list[str]:
    """A word, or a list of at least one, as a list; InputError for anything else."""
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return words
    raise InputError(f"{name} is {value}; it must be a word, or a list of words as [A,B]")


def setting(group: str, name: str) -> str:
    """A setting's name as it is typed."""
    return f"{group}.{name}" if group else name
