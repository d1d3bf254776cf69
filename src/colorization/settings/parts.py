"""What a training is put together of: the choices of each config group.

A config group's ``_target_`` names what :func:`build` makes of it; only targets that a schema names
can be built, so a checkpoint that somebody sent cannot name code of its own.
"""

from dataclasses import fields

from colorization.settings.data import Augmentation, Dogs, Faces, Folder, Mixed, Synthetic
from colorization.settings.models import (
    Amplifier,
    ColorBins,
    FusionNetwork,
    Huber,
    MeanSquaredError,
    PaperNetwork,
    SimulatedHints,
    UNet,
)
from colorization.settings.target import Target
from colorization.settings.training import (
    SGD,
    AdamW,
    Constant,
    Cosine,
    FeatureDistance,
    OneCycle,
    PatchAdversary,
    RMSprop,
)

SCHEMAS: dict[str, dict[str, type[Target]]] = {
    "dataset": {
        "synthetic": Synthetic,
        "folder": Folder,
        "faces": Faces,
        "dogs": Dogs,
        "mixed": Mixed,
    },
    "augmentation": {"augmentation": Augmentation},
    "network": {"paper": PaperNetwork, "fusion": FusionNetwork, "unet": UNet},
    "objective": {"mse": MeanSquaredError, "huber": Huber, "bins": ColorBins},
    "guidance": {"hints": SimulatedHints},
    "amplifier": {"residual": Amplifier},
    "perceptual": {"features": FeatureDistance},
    "adversary": {"patch": PatchAdversary},
    "optimizer": {"rmsprop": RMSprop, "adamw": AdamW, "sgd": SGD},
    "scheduler": {"none": Constant, "cosine": Cosine, "onecycle": OneCycle},
}


def schema_target(schema: type[Target]) -> str:
    """The ``_target_`` that a schema names."""
    (found,) = (field for field in fields(schema) if field.name == "_target_")
    return str(found.default)


TARGETS = frozenset(
    schema_target(schema) for schemas in SCHEMAS.values() for schema in schemas.values()
)
