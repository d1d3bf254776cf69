"""Names of older versions, in checkpoints, bundles and run folders that were made with them."""

from collections.abc import Mapping
from typing import Any

MODULES = {
    "colorization.data.mixed.": "colorization.data.folders.",
    "src.data.mixed.": "colorization.data.folders.",
    "src.data.shards.Shards": "colorization.data.folders.PhotographFolder",
    "src.hints.simulated.": "colorization.hints.simulate.",
    "src.objectives.adversary.": "colorization.objectives.adversarial.",
    "src.objectives.terms.": "colorization.objectives.perceptual.",
    "src.schedules.": "colorization.training.schedules.",
    "src.": "colorization.",
}
"""What targets began with, and begin with now; the first that fits counts."""


def rename_targets(settings: Any) -> Any:
    """Give settings, nested as they may be, the targets of today; all else stays as it is."""
    if isinstance(settings, list | tuple):
        return [rename_targets(part) for part in settings]
    if not isinstance(settings, Mapping):
        return settings
    return {
        name: rename_target(value)
        if name == "_target_" and isinstance(value, str)
        else rename_targets(value)
        for name, value in settings.items()
    }


def rename_target(target: str) -> str:
    """Give today's name of what ``_target_`` names."""
    for old, new in MODULES.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target
