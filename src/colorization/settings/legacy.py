"""Translate names of older versions, in checkpoints, bundles, run folders and commands."""

from collections.abc import Mapping
from typing import Any

MODULES = {
    "colorization.data.mixed.": "colorization.data.folders.",
    "src.data.mixed.": "colorization.data.folders.",
    "src.data.shards.Shards": "colorization.data.folders.PhotographFolder",
    "src.objectives.adversary.": "colorization.objectives.adversarial.",
    "src.objectives.terms.": "colorization.objectives.perceptual.",
    "src.schedules.": "colorization.training.schedules.",
    "src.": "colorization.",
}
"""What targets began with, and begin with now; the first that fits counts."""

EXPERIMENTS = {
    "small_1_paper": "ladder/paper",
    "small_2_unet": "ladder/unet",
    "small_3_adamw": "ladder/adamw",
    "small_4_mirrored": "ladder/mirrored",
    "small_5_pretrained": "ladder/pretrained",
    "small_6_ema": "ladder/ema",
    "small_7_flips": "ladder/flips",
    "small_8_longer": "ladder/longer",
    "small_9_bins": "ladder/bins",
    "small_10_classes": "ladder/classes",
    "small_11_perceptual": "ladder/perceptual",
    "small_12_amplifier": "ladder/amplifier",
    "small_13_adversary": "ladder/adversary",
    "small_14_paper": "ladder/paper_classes",
    "small_15_fusion": "ladder/fusion",
    "small_16_vivid": "ladder/vivid",
    "small_17_everything": "ladder/everything",
    "small_quick": "ladder/quick",
}
"""Names of conf/experiment, then and now."""


REMOVED = {"guidance", "colorizer"}
"""Settings of 0.1 that are gone: hints that a network learns, what an amplifier is trained on."""
LEARNED_HINTS = "its network learned to take hints, as 0.1 did; use another one: all take hints"


def rename_targets(settings: Any) -> Any:
    """Give settings, nested as they may be, the targets of today; all else stays as it is.

    Settings of :data:`REMOVED` that were not used are left out.
    """
    if isinstance(settings, list | tuple):
        return [rename_targets(part) for part in settings]
    if not isinstance(settings, Mapping):
        return settings
    return {
        name: rename_target(value)
        if name == "_target_" and isinstance(value, str)
        else rename_targets(value)
        for name, value in settings.items()
        if name not in REMOVED or value not in (None, "none")
    }


def rename_target(target: str) -> str:
    """Give today's name of what ``_target_`` names."""
    for old, new in MODULES.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target
