"""Typed schemas of every setting: a wrong key or type fails when the config is composed.

The YAML files under conf/ hold the values, the classes here their types and limits. A config
group's ``_target_`` names what :func:`build` makes of it; only targets that a schema names can be
built, so a checkpoint that somebody sent cannot name code of its own.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from src.errors import InputError
from src.limits import above_zero, at_least, at_most, one_of, several

MAX_SIZE = 4096  # px
MAX_COUNT = 100_000  # pictures in memory
MAX_SEED = 2**32 - 1
ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")

# Of a run.
CHECKPOINTS = "checkpoints"
BASELINES_FILE = "baselines.pt"

CONF = str(Path(__file__).resolve().parent.parent / "conf")
"""Absolute, so that the commands work from any directory."""


@dataclass(kw_only=True)
class Target:
    """A config group whose choice is built into an object."""

    _target_: str


@dataclass(kw_only=True)
class Synthetic(Target):
    _target_: str = "src.data.synthetic.SyntheticScenes"
    name: str
    size: int
    train: int
    val: int
    test: int
    seed: int

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8, train=1, val=1, test=1, seed=0)
        at_most("dataset", self, size=MAX_SIZE, train=MAX_COUNT, val=MAX_COUNT, test=MAX_COUNT)
        at_most("dataset", self, seed=MAX_SEED)


@dataclass(kw_only=True)
class Photographs(Target):
    """Photographs on disk; a count of null means a tenth for val and test, the rest for train."""

    name: str
    root: str
    size: int
    train: int | None
    val: int | None
    test: int | None
    split_seed: int
    max_pixels: int

    def __post_init__(self) -> None:
        at_least("dataset", self, size=8, train=1, val=1, test=1, split_seed=0, max_pixels=1)
        at_most("dataset", self, size=MAX_SIZE)


@dataclass(kw_only=True)
class Folder(Photographs):
    _target_: str = "src.data.folders.PhotographFolder"


@dataclass(kw_only=True)
class Faces(Photographs):
    _target_: str = "src.data.sources.Faces"


@dataclass(kw_only=True)
class Dogs(Photographs):
    _target_: str = "src.data.sources.StanfordDogs"


@dataclass(kw_only=True)
class Augmentation(Target):
    _target_: str = "src.data.augmentation.Augmentation"
    flip_horizontal: float
    flip_vertical: float
    rotation: float
    shift: float
    zoom: float
    brightness: float
    contrast: float
    border: str

    def __post_init__(self) -> None:
        names = ("flip_horizontal", "flip_vertical", "shift", "zoom", "brightness", "contrast")
        at_least("augmentation", self, rotation=0, **dict.fromkeys(names, 0))
        at_most("augmentation", self, rotation=180, **dict.fromkeys(names, 1))
        one_of("augmentation.border", self.border, ("border", "reflection", "zeros"))


@dataclass(kw_only=True)
class PaperNetwork(Target):
    _target_: str = "src.networks.paper.PaperNetwork"
    activation: str


@dataclass(kw_only=True)
class UNet(Target):
    _target_: str = "src.networks.unet.UNet"
    width: int
    coordinates: bool
    dropout: float

    def __post_init__(self) -> None:
        at_least("network", self, width=8, dropout=0)
        at_most("network", self, width=512, dropout=0.9)


@dataclass(kw_only=True)
class MeanSquaredError(Target):
    _target_: str = "src.objectives.MeanSquaredError"


@dataclass(kw_only=True)
class Optimizer(Target):
    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        above_zero("optimizer", self, "lr")
        at_least("optimizer", self, weight_decay=0)
        at_most("optimizer", self, weight_decay=1)


@dataclass(kw_only=True)
class RMSprop(Optimizer):
    _target_: str = "torch.optim.RMSprop"
    alpha: float
    eps: float
    momentum: float

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer", self, alpha=0, eps=0, momentum=0)
        at_most("optimizer", self, alpha=1, eps=1, momentum=1)


@dataclass(kw_only=True)
class AdamW(Optimizer):
    _target_: str = "torch.optim.AdamW"
    betas: tuple[float, float]
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer", self, eps=0)
        at_most("optimizer", self, eps=1)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"optimizer.betas is {self.betas}; it must be two, 0 to below 1")


@dataclass(kw_only=True)
class Constant(Target):
    _target_: str = "src.schedules.constant"


@dataclass(kw_only=True)
class Cosine(Target):
    _target_: str = "src.schedules.cosine"
    final: float

    def __post_init__(self) -> None:
        at_least("scheduler", self, final=0)
        at_most("scheduler", self, final=1)


@dataclass(kw_only=True)
class OneCycle(Target):
    _target_: str = "src.schedules.one_cycle"
    warmup: float

    def __post_init__(self) -> None:
        at_least("scheduler", self, warmup=0)
        at_most("scheduler", self, warmup=1)


@dataclass(kw_only=True)
class Data:
    batch_size: int

    def __post_init__(self) -> None:
        at_least("data", self, batch_size=1)
        at_most("data", self, batch_size=MAX_COUNT)


@dataclass(kw_only=True)
class Trainer:
    """Where and how long to train; see :func:`src.hardware.resolve` for what ``auto`` means."""

    accelerator: str
    precision: str
    channels_last: bool
    keep_freed_memory: bool
    compile: bool
    max_epochs: int
    max_minutes: float | None
    patience: int
    pictures_every: int

    def __post_init__(self) -> None:
        one_of("trainer.accelerator", self.accelerator, ACCELERATORS)
        one_of("trainer.precision", self.precision, PRECISIONS)
        at_least("trainer", self, max_epochs=1, patience=1, pictures_every=1)
        if self.max_minutes is not None:
            above_zero("trainer", self, "max_minutes")


@dataclass(kw_only=True)
class Train:
    """Root of ``python -m src.train``."""

    seed: int
    data_dir: str
    resume: str | None
    dataset: Target
    data: Data
    augmentation: Target
    network: Target
    objective: Target
    optimizer: Target
    scheduler: Target
    trainer: Trainer

    def __post_init__(self) -> None:
        at_least("", self, seed=0)
        at_most("", self, seed=MAX_SEED)
        for group, schemas in SCHEMAS.items():
            target = getattr(self, group)._target_
            if target not in {schema_target(schema) for schema in schemas.values()}:
                raise InputError(f"{group}._target_ is {target}, which is no {group}")


@dataclass(kw_only=True)
class Evaluate:
    """Root of ``python -m src.evaluate``; where there may be several, one alone needs no list."""

    checkpoint: Any
    datasets: Any
    data_dir: str
    metrics: Any
    tracks: Any
    batch_size: int
    accelerator: str
    precision: str

    def __post_init__(self) -> None:
        self.checkpoint = several("checkpoint", self.checkpoint)
        self.metrics = several("metrics", self.metrics)
        self.tracks = several("tracks", self.tracks)
        if self.datasets is not None:
            self.datasets = several("datasets", self.datasets)
        at_least("", self, batch_size=1)
        one_of("accelerator", self.accelerator, ACCELERATORS)
        one_of("precision", self.precision, PRECISIONS)
        for track in self.tracks:
            one_of("tracks", track, ("own", "native"))


@dataclass(kw_only=True)
class Report:
    """Root of ``python -m src.report``."""

    runs: list[str]
    output: str


SCHEMAS: dict[str, dict[str, type[Target]]] = {
    "dataset": {"synthetic": Synthetic, "folder": Folder, "faces": Faces, "dogs": Dogs},
    "augmentation": {"augmentation": Augmentation},
    "network": {"paper": PaperNetwork, "unet": UNet},
    "objective": {"mse": MeanSquaredError},
    "optimizer": {"rmsprop": RMSprop, "adamw": AdamW},
    "scheduler": {"none": Constant, "cosine": Cosine, "onecycle": OneCycle},
}


def schema_target(schema: type[Target]) -> str:
    """The ``_target_`` that a schema names."""
    (found,) = (field for field in fields(schema) if field.name == "_target_")
    return str(found.default)


TARGETS = frozenset(
    schema_target(schema) for schemas in SCHEMAS.values() for schema in schemas.values()
)


def register() -> None:
    """Make schemas and resolvers known to Hydra; call before ``hydra.main``."""
    OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)
    store = ConfigStore.instance()
    store.store(name="train_schema", node=Train)
    store.store(name="evaluate_schema", node=Evaluate)
    store.store(name="report_schema", node=Report)
    store.store(group="schema/trainer", name="trainer", node=Trainer)
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)


def run_folder(resume: str | None, new: str) -> str:
    """The folder of the run that a checkpoint is of, or else a new one."""
    checkpoint = Path(resume or "")
    if checkpoint.is_file() and checkpoint.parent.name == CHECKPOINTS:
        return str(checkpoint.parent.parent)
    return new


def checked(config: DictConfig) -> Any:
    """Turn a composed config into its typed object, which checks every limit.

    Raises:
        InputError: naming the setting that is missing or out of its limits.
    """
    try:
        return OmegaConf.to_object(config)
    except MissingMandatoryValue as error:
        raise InputError(f"{error.full_key} must be set") from error


def dataset_choices() -> list[str]:
    """Names of the datasets below conf/ that need nothing more."""
    names = {path.stem for path in Path(CONF, "dataset").glob("*.yaml")}
    return sorted(names - {"folder"})


def dataset_settings(name: str, data_dir: str, root: str | None = None) -> dict[str, Any]:
    """Settings of a dataset below conf/, as plain dicts.

    Raises:
        InputError: if one is missing or out of its limits.
    """
    in_command = GlobalHydra.instance().is_initialized()
    with nullcontext() if in_command else initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", [f"dataset={name}"])
    config.data_dir = data_dir
    if root is not None:
        config.dataset.root = root
    settings: dict[str, Any] = plain(checked(config.dataset))
    return settings


def plain(config: Any) -> dict[str, Any]:
    """A typed config as nested plain dicts, fit for a checkpoint."""
    return asdict(config)


def build(config: Mapping[str, Any], *args: Any, **more: Any) -> Any:
    """Make what ``config["_target_"]`` names, with the other keys as keyword arguments.

    Raises:
        InputError: for a target that no schema names, or that needs a package that is missing.
    """
    settings = dict(config)
    target = settings.pop("_target_", None)
    if target not in TARGETS:
        raise InputError(
            f"{target!r} is not something this project builds; known: {sorted(TARGETS)}"
        )
    try:
        made = get_object(target)
    except ImportError as error:
        missing = root_cause(error)
        raise InputError(f"{target} needs what is not installed: {missing}") from error
    return made(*args, **settings, **more)


def root_cause(error: BaseException) -> BaseException:
    """The error that an error goes back to."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
