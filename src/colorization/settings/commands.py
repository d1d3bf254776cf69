"""Roots of the commands, one class each, with what none of them builds."""

from dataclasses import dataclass, field
from typing import Any

from colorization.errors import InputError
from colorization.settings.limits import Limits, one_of, several, within
from colorization.settings.parts import SCHEMAS, schema_target
from colorization.settings.target import (
    COUNT,
    FILES,
    SEED,
    SHARE,
    TEMPERATURE,
    PathText,
    PathTexts,
    Target,
)
from colorization.settings.training import BELOW_ONE

ACCELERATOR = one_of("auto", "cpu", "gpu")
EPOCHS: Limits = within(1, 1_000_000)
HINTS: Limits = within(0, 1000)
MEGABYTES: Limits = within(1, 1_000_000)
MINUTES: Limits = within(1e-4, 10 * 365 * 24 * 60)  # ten years
PRECISION = one_of("auto", "32-true", "bf16-mixed", "16-mixed")
RUNS: Limits = within(1, 1_000_000)
PROCESSES: Limits = within(1, 1024)  # on a machine, and machines
SATURATION: Limits = within(0, 10)
STEPS: Limits = within(1, 1_000_000_000)


@dataclass(kw_only=True)
class Data:
    batch_size: int = field(metadata=COUNT)
    max_memory: float = field(metadata=SHARE)
    cache: PathText


@dataclass(kw_only=True)
class Trainer:
    """Where and how long to train; see :func:`resolve` for what ``auto`` means."""

    strategy: str = field(metadata=one_of("auto", "ddp"))
    devices: int | None = field(metadata=PROCESSES)
    nodes: int = field(metadata=PROCESSES)
    accelerator: str = field(metadata=ACCELERATOR)
    precision: str = field(metadata=PRECISION)
    channels_last: bool
    keep_freed_memory: bool
    compile: bool
    max_epochs: int = field(metadata=EPOCHS)
    max_minutes: float | None = field(metadata=MINUTES)
    patience: int = field(metadata=EPOCHS)
    ema: float | None = field(metadata=BELOW_ONE)
    pictures_every: int = field(metadata=EPOCHS)
    checkpoint_every: int | None = field(metadata=STEPS)

    def __post_init__(self) -> None:
        if self.strategy == "auto" and (self.devices or 1) * self.nodes > 1:
            raise InputError("trainer.devices and trainer.nodes of more than one need trainer=ddp")


@dataclass(kw_only=True)
class Train:
    """Root of ``python -m src.train``."""

    seed: int = field(metadata=SEED)
    data_dir: PathText
    resume: PathText | None
    repeats: PathText | None
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
        for group, schemas in SCHEMAS.items():
            part = getattr(self, group)
            target = part._target_ if part else None
            if target and target not in {schema_target(schema) for schema in schemas.values()}:
                raise InputError(f"{group}._target_ is {target}, which is no {group}")


@dataclass(kw_only=True)
class Evaluate:
    """Root of ``python -m src.evaluate``; where there may be several, one alone needs no list."""

    checkpoint: PathTexts
    datasets: PathTexts
    data_dir: PathText
    metrics: Any
    tracks: Any = field(metadata=one_of("own", "native"))
    hints: Any = field(metadata=HINTS)
    flip_average: bool | None
    temperature: float | None = field(metadata=TEMPERATURE)
    batch_size: int = field(metadata=COUNT)
    accelerator: str = field(metadata=ACCELERATOR)
    precision: str = field(metadata=PRECISION)

    def __post_init__(self) -> None:
        self.checkpoint = several("checkpoint", self.checkpoint)
        self.metrics = several("metrics", self.metrics)
        self.tracks = several("tracks", self.tracks)
        if self.datasets is not None:
            self.datasets = several("datasets", self.datasets)
        self.hints = self.hints if isinstance(self.hints, list) else [self.hints or 0]
        if not all(type(count) is int for count in self.hints):
            raise InputError(f"hints is {self.hints}; it must be whole numbers, as [A,B]")
        if any(self.hints) and "own" not in self.tracks:
            raise InputError("hints are scored at the models' own size: add own to tracks")


@dataclass(kw_only=True)
class GridOrSearch:
    """Settings of the sweeper; see conf/hydra/sweeper."""

    _target_: str = "hydra_plugins.colorization.GridOrSearch"
    params: dict[str, str]
    grids: list[dict[str, str]]
    trials: int | None = field(metadata=RUNS)
    at_once: int = field(metadata=RUNS)
    warmup: int = field(metadata=within(0, 1_000_000))  # epochs
    seed: int = field(metadata=SEED)
    study: PathText
    trial: int | None = field(metadata=within(0, 1_000_000_000))


@dataclass(kw_only=True)
class Board:
    """Experiments that are compared on a dataset, at each number of training photographs."""

    dataset: str
    train: list[int] = field(metadata=FILES)
    experiments: list[str]

    def __post_init__(self) -> None:
        if not self.train or not self.experiments:
            raise InputError(f"a board of {self.dataset} needs train and experiments, both lists")


@dataclass(kw_only=True)
class Leaderboard:
    """Root of ``python -m src.leaderboard``."""

    boards: list[Board]
    seeds: list[int] = field(metadata=SEED)
    overrides: list[str]
    data_dir: PathText
    results: PathText
    jobs: int = field(metadata=PROCESSES)
    train: bool

    def __post_init__(self) -> None:
        if not self.seeds or not self.boards:
            raise InputError("seeds and boards must not be empty")
