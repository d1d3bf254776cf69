"""Roots of the commands, one class each, with what none of them builds."""

import re
from dataclasses import dataclass
from typing import Any

from src.errors import InputError
from src.limits import above_zero, at_least, at_most, one_of, several
from src.schemas.data import Splits
from src.schemas.parts import SCHEMAS, schema_target
from src.schemas.target import MAX_COUNT, MAX_SEED, MAX_SIZE, Target

ACCELERATORS = ("auto", "cpu", "gpu")
MAX_HINTS = 1000
ROOT_PATH = re.compile(r"(https?://[\w.:\[\]-]+)?(/[\w.~-]+)*/?", re.ASCII)  # of the page
MAX_PROCESSES = 1024  # on a machine, and machines
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


@dataclass(kw_only=True)
class Data:
    batch_size: int
    max_memory: float
    cache: str

    def __post_init__(self) -> None:
        at_least("data", self, batch_size=1, max_memory=0)
        at_most("data", self, batch_size=MAX_COUNT, max_memory=1)


@dataclass(kw_only=True)
class Trainer:
    """Where and how long to train; see :func:`src.hardware.resolve` for what ``auto`` means."""

    strategy: str
    devices: int | None
    nodes: int
    accelerator: str
    precision: str
    channels_last: bool
    keep_freed_memory: bool
    compile: bool
    max_epochs: int
    max_minutes: float | None
    patience: int
    ema: float | None
    pictures_every: int
    checkpoint_every: int | None

    def __post_init__(self) -> None:
        one_of("trainer.strategy", self.strategy, ("auto", "ddp"))
        at_least("trainer", self, devices=1, nodes=1)
        at_most("trainer", self, devices=MAX_PROCESSES, nodes=MAX_PROCESSES)
        if self.strategy == "auto" and (self.devices or 1) * self.nodes > 1:
            raise InputError("trainer.devices and trainer.nodes of more than one need trainer=ddp")
        one_of("trainer.accelerator", self.accelerator, ACCELERATORS)
        one_of("trainer.precision", self.precision, PRECISIONS)
        at_least("trainer", self, max_epochs=1, patience=1, pictures_every=1)
        at_least("trainer", self, checkpoint_every=1)
        if self.max_minutes is not None:
            above_zero("trainer", self, "max_minutes")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise InputError(f"trainer.ema is {self.ema}; it must be null, or 0 to below 1")


@dataclass(kw_only=True)
class Train:
    """Root of ``python -m src.train``."""

    seed: int
    data_dir: str
    resume: str | None
    repeats: str | None
    flip_average: bool
    dataset: Target
    data: Data
    augmentation: Target
    network: Target
    objective: Target
    vivid: bool
    guidance: Target | None = None
    amplifier: Target | None = None
    perceptual: Target | None = None
    adversary: Target | None = None
    optimizer: Target
    scheduler: Target
    trainer: Trainer

    def __post_init__(self) -> None:
        at_least("", self, seed=0)
        at_most("", self, seed=MAX_SEED)
        for group, schemas in SCHEMAS.items():
            part = getattr(self, group)
            target = part._target_ if part else None
            if target and target not in {schema_target(schema) for schema in schemas.values()}:
                raise InputError(f"{group}._target_ is {target}, which is no {group}")


@dataclass(kw_only=True)
class Evaluate:
    """Root of ``python -m src.evaluate``; where there may be several, one alone needs no list."""

    checkpoint: Any
    datasets: Any
    data_dir: str
    metrics: Any
    tracks: Any
    hints: Any
    flip_average: bool | None
    temperature: float | None
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
        if self.temperature is not None:
            above_zero("", self, "temperature")
        self.hints = self.hints if isinstance(self.hints, list) else [self.hints or 0]
        if not all(isinstance(n, int) and 0 <= n <= MAX_HINTS for n in self.hints):
            raise InputError(f"hints is {self.hints}; each must be 0 to {MAX_HINTS}")
        if any(self.hints) and "own" not in self.tracks:
            raise InputError("hints are scored at the models' own size: add own to tracks")
        one_of("accelerator", self.accelerator, ACCELERATORS)
        one_of("precision", self.precision, PRECISIONS)
        for track in self.tracks:
            one_of("tracks", track, ("own", "native"))


@dataclass(kw_only=True)
class Export:
    """Root of ``python -m src.export``."""

    checkpoint: str
    format: str
    output: str | None
    name: str | None
    precision: str
    evaluation: str | None
    data_dir: str

    def __post_init__(self) -> None:
        one_of("format", self.format, ("bundle", "onnx", "onnx_rgb"))
        one_of("precision", self.precision, ("half", "single"))


@dataclass(kw_only=True)
class Colorize:
    """Root of ``python -m src.colorize``."""

    input: str
    output: str
    model: str
    hints: str | None
    existing: str
    format: str | None
    quality: int
    saturation: float
    side_by_side: bool
    size: int | None
    tiles: bool
    flip_average: bool | None
    temperature: float | None
    workers: int | None
    max_pixels: int
    accelerator: str
    precision: str

    def __post_init__(self) -> None:
        one_of("existing", self.existing, ("refuse", "skip", "overwrite"))
        if self.format is not None:
            one_of("format", self.format, ("jpeg", "png", "webp", "tiff"))
        at_least("", self, quality=1, saturation=0, size=16, workers=1, max_pixels=1)
        at_most("", self, quality=100, saturation=10, size=MAX_SIZE, workers=256)
        if self.temperature is not None:
            above_zero("", self, "temperature")
        one_of("accelerator", self.accelerator, ACCELERATORS)
        one_of("precision", self.precision, PRECISIONS)


@dataclass(kw_only=True)
class App:
    """Root of ``python -m src.app``."""

    host: str
    hosts: list[str]
    port: int
    root_path: str
    model: str
    size: int | None
    max_upload: int
    max_pixels: int
    max_memory: int
    max_disk: int
    accelerator: str
    precision: str

    def __post_init__(self) -> None:
        at_least("", self, port=1, size=16, max_upload=1, max_pixels=1, max_memory=1)
        at_least("", self, max_disk=2 * self.max_upload)
        at_most("", self, port=65535, size=MAX_SIZE)
        one_of("accelerator", self.accelerator, ACCELERATORS)
        one_of("precision", self.precision, PRECISIONS)
        if not ROOT_PATH.fullmatch(self.root_path):
            raise InputError(
                f"root_path is {self.root_path!r}; it must be a path as /colour, or an address as "
                "https://example.com/colour"
            )


@dataclass(kw_only=True)
class Report:
    """Root of ``python -m src.report``."""

    runs: list[str]
    output: str


@dataclass(kw_only=True)
class GridOrSearch:
    """Settings of the sweeper; see conf/hydra/sweeper."""

    _target_: str = "hydra_plugins.colorization.GridOrSearch"
    params: dict[str, str]
    grids: list[dict[str, str]]
    trials: int | None
    at_once: int
    warmup: int
    seed: int
    study: str
    trial: int | None

    def __post_init__(self) -> None:
        at_least("hydra.sweeper", self, trials=1, at_once=1, warmup=0, seed=0)


@dataclass(kw_only=True)
class SweepReport:
    """Root of ``python -m src.sweep_report``."""

    folder: str


@dataclass(kw_only=True)
class WriteShards(Splits):
    """Root of ``python -m src.shards``."""

    input: str
    output: str

    def __post_init__(self) -> None:
        self.check("")


@dataclass(kw_only=True)
class Board:
    """Experiments that are compared on a dataset, at each number of training photographs."""

    dataset: str
    train: list[int]
    experiments: list[str]

    def __post_init__(self) -> None:
        if not self.train or not self.experiments:
            raise InputError(f"a board of {self.dataset} needs train and experiments, both lists")


@dataclass(kw_only=True)
class Leaderboard:
    """Root of ``python -m src.leaderboard``."""

    boards: list[Board]
    seeds: list[int]
    overrides: list[str]
    data_dir: str
    results: str
    jobs: int
    train: bool

    def __post_init__(self) -> None:
        at_least("", self, jobs=1)
        if not self.seeds or not self.boards:
            raise InputError("seeds and boards must not be empty")
