"""Checks of settings against their limits; every error names the setting."""

from src.errors import InputError


def at_least(group: str, config: object, **limits: float) -> None:
    for name, limit in limits.items():
        value = getattr(config, name)
        if value is not None and value < limit:
            raise InputError(f"{setting(group, name)} is {value}; it must be at least {limit}")


def at_most(group: str, config: object, **limits: float) -> None:
    for name, limit in limits.items():
        value = getattr(config, name)
        if value > limit:
            raise InputError(f"{setting(group, name)} is {value}; it must be at most {limit}")


def above_zero(group: str, config: object, name: str) -> None:
    value = getattr(config, name)
    if not value > 0:
        raise InputError(f"{setting(group, name)} is {value}; it must be above 0")


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} is {value!r}; it must be one of: {', '.join(known)}")


def setting(group: str, name: str) -> str:
    return f"{group}.{name}" if group else name
