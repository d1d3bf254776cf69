"""The scalars that a run wrote for TensorBoard."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def curves(folder: Path) -> dict[str, list[float]]:
    """A run's scalars, in the order of their steps; an epoch made again counts once.

    File by file: TensorBoard reads them by name, so the tenth of a second before the ninth.
    """
    found: dict[str, dict[int, float]] = {}
    for path in sorted((folder / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime):
        events = EventAccumulator(str(path)).Reload()
        for tag in events.Tags()["scalars"]:
            new = {event.step: event.value for event in events.Scalars(tag)}
            found[tag] = found.get(tag, {}) | new
    return {tag: [values[step] for step in sorted(values)] for tag, values in found.items()}
