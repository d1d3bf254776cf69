"""Roots of the commands, one dataclass each, and settings that no group has a choice for."""

from dataclasses import dataclass
from typing import Any

from colorization.errors import InputError
from colorization.settings.fields import (
    BELOW_ONE,
    COUNT,
    FILES,
    SEED,
    SHARE,
    TEMPERATURE,
    Limits,
    PathText,
    PathTexts,
    Target,
    as_list,
    one_of,
    setting,
    within,
)
from colorization.settings.parts import SCHEMAS, schema_target

ACCELERATOR = one_of("auto", "cpu", "gpu")
EPOCHS: Limits = within(1, 1_000_000)
HINTS: Limits = within(0, 1000)
MINUTES: Limits = within(1e-4, 10 * 365 * 24 * 60)  # ten years
PRECISION = one_of("auto", "32-true", "bf16-mixed", "16-mixed")
RUNS: Limits = within(1, 1_000_000)
PROCESSES: Limits = within(1, 1024)  # on a machine, and machines
SATURATION: Limits = within(0, 10)
STEPS: Limits = within(1, 1_000_000_000)

DATA_DIR = "where faces/, dogs/ and scenes/ lie or are fetched to"
METRICS = [
    *("mse", "rmse", "rgb_signed", "rgb_absolute", "psnr", "ssim", "ciede2000", "colorfulness"),
    *("colorfulness_shift", "colorfulness_error", "auc", "auc_rebalanced", "lpips"),
]


@dataclass(kw_only=True)
class Data:
    """How photographs are put together to batches, and where decoded ones are kept."""

    batch_size: int = setting(16, COUNT, "photographs a step, over all processes")
    max_memory: float = setting(
        0.25, SHARE, "of the machine's; a split that takes more is decoded once into a mapped file"
    )
    cache: PathText = setting(
        "outputs/cache", help="where such files lie; they can be deleted at any time"
    )


@dataclass(kw_only=True)
class Trainer:
    """Where and how long to train; see :func:`resolve` for what ``auto`` means."""

    strategy: str = setting("auto", one_of("auto", "ddp"), "auto: one process; ddp: several")
    devices: int | None = setting(
        None,
        PROCESSES,
        "processes on each machine; null: one a GPU, or as torchrun or SLURM started them",
    )
    nodes: int = setting(1, PROCESSES, "machines")
    accelerator: str = setting("auto", ACCELERATOR, "auto: the GPU where there is one")
    precision: str = setting("auto", PRECISION, "auto: bfloat16 where the hardware has it")
    channels_last: bool = setting(True, help="order of pictures in memory; faster")
    keep_freed_memory: bool = setting(
        True, help="of glibc's allocator, on a CPU: nearly a third faster"
    )
    compile: bool = setting(False, help="compile the network with torch.compile")
    max_epochs: int = setting(30, EPOCHS, "stop after so many epochs")
    max_minutes: float | None = setting(
        None, MINUTES, "stop at the end of the epoch in which so many minutes are over"
    )
    patience: int = setting(
        20, EPOCHS, "stop after so many epochs without a better validation score"
    )
    ema: float | None = setting(
        None, BELOW_ONE, "0.99: score and save the running average of the weights"
    )
    pictures_every: int = setting(
        10, EPOCHS, "epochs from pictures to pictures in TensorBoard, beside the first epoch's"
    )
    test_every: int | None = setting(
        None, EPOCHS, "epochs from one test error to the next in TensorBoard, which nothing sees"
    )
    checkpoint_every: int | None = setting(
        None, STEPS, "steps; to resume from within an epoch, not only from its end"
    )

    def __post_init__(self) -> None:
        if self.strategy == "auto" and (self.devices or 1) * self.nodes > 1:
            raise InputError("trainer.devices and trainer.nodes of more than one need trainer=ddp")


@dataclass(kw_only=True)
class Train:
    """Root of ``python -m src.train``."""

    seed: int = setting(0, SEED, "of everything that is random")
    data_dir: PathText = setting("data", help=DATA_DIR)
    resume: PathText | None = setting(
        None, help="RUN/checkpoints/last.ckpt: go on with that run, in its own folder"
    )
    repeats: PathText | None = setting(
        None, help="RUN: compare with its scores at the end, as --from RUN does"
    )
    finetune: PathText | None = setting(
        None, help="default, open, or a checkpoint or bundle: begin with that model's weights"
    )
    flip_average: bool = setting(
        False, help="predict the mean over a photograph and its mirror image"
    )
    dataset: Target
    data: Data = setting(Data())
    augmentation: Target
    network: Target
    objective: Target
    vivid: bool = setting(
        False, help="after training, make colours as strong as those of the validation photographs"
    )
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

    checkpoint: PathTexts = setting(
        None, help="RUN/checkpoints/best.ckpt, a bundle or a shipped model; [A,B] to compare"
    )
    datasets: PathTexts = setting(
        None,
        help="[dogs,faces,scenes,synthetic,PATH]; null is what the checkpoints were trained on",
    )
    data_dir: PathText = setting("data", help=DATA_DIR)
    metrics: Any = setting(METRICS, help="what is measured; fid and kid are known too")
    tracks: Any = setting(
        ["own", "native"],
        one_of("own", "native"),
        "own: at the model's own size; native: the whole photograph in its own resolution",
    )
    alexnet: PathText | None = setting(
        None, help="file of AlexNet's ImageNet weights, for lpips; null: the usual download"
    )
    inception: PathText | None = setting(
        None, help="file of the original FID's weights, for fid and kid; null: the usual download"
    )
    hints: Any = setting(
        [],
        HINTS,
        "[0,1,2,5,10]: scores with so many spots of true colour, at random and suggested",
    )
    flip_average: bool | None = setting(None, help="null is what each checkpoint was trained with")
    temperature: float | None = setting(
        None,
        TEMPERATURE,
        "of checkpoints that predict colour bins; null is what each was trained with",
    )
    batch_size: int = setting(16, COUNT, "photographs at a time")
    accelerator: str = setting("auto", ACCELERATOR, "auto: the GPU where there is one")
    precision: str = setting("auto", PRECISION, "auto: bfloat16 where the hardware has it")

    def __post_init__(self) -> None:
        self.checkpoint = as_list("checkpoint", self.checkpoint)
        self.metrics = as_list("metrics", self.metrics)
        self.tracks = as_list("tracks", self.tracks)
        if self.datasets is not None:
            self.datasets = as_list("datasets", self.datasets)
        self.hints = self.hints if isinstance(self.hints, list) else [self.hints or 0]
        if not all(type(count) is int for count in self.hints):
            raise InputError(f"hints is {self.hints}; it must be whole numbers, as [A,B]")
        if any(self.hints) and "own" not in self.tracks:
            raise InputError("hints are scored at the models' own size: add own to tracks")


@dataclass(kw_only=True)
class GridOrSearch:
    """Settings of the sweeper; see conf/hydra/sweeper."""

    _target_: str = "hydra_plugins.colorization.GridOrSearch"
    params: dict[str, str] = setting(
        {}, help="by setting, in Hydra's words: A,B; for a search interval(A,B), tag(log, ...) too"
    )
    grids: list[dict[str, str]] = setting(
        [], help="more of them; those of each are combined with params only"
    )
    trials: int | None = setting(None, RUNS, "of a search by Optuna; null tries every combination")
    at_once: int = setting(1, RUNS, "trials handed to the launcher together")
    warmup: int = setting(5, within(0, 1_000_000), "epochs before a trial may be given up")
    seed: int = setting(0, SEED, "of what is tried")
    study: PathText = setting("${hydra.sweep.dir}/study.db", help="SQLite file of the search")
    trial: int | None = setting(None, within(0, 1_000_000_000), "number of a run, set by the sweep")


@dataclass(kw_only=True)
class Board:
    """Experiments that are compared on a dataset, at each number of training photographs."""

    dataset: str = setting(help="of conf/dataset")
    train: list[int] = setting(limits=FILES, help="numbers of training photographs")
    experiments: list[str] = setting(help="of conf/experiment")

    def __post_init__(self) -> None:
        if not self.train or not self.experiments:
            raise InputError(f"a board of {self.dataset} needs train and experiments, both lists")


@dataclass(kw_only=True)
class Leaderboard:
    """Root of ``python -m src.leaderboard``."""

    boards: list[Board] = setting(help="what is compared on what; every training set has a table")
    seeds: list[int] = setting([0, 1, 2], SEED, "every experiment is trained with each")
    overrides: list[str] = setting([], help="of every run, as for python -m src.train")
    data_dir: PathText = setting("data", help=DATA_DIR)
    results: PathText = setting("results/leaderboard", help="tables, and results of every run")
    picture: PathText | None = setting(
        None, help="SVG of the scores by number of training photographs, of one dataset"
    )
    jobs: int = setting(1, PROCESSES, "runs at a time, which share the CPU's cores")
    train: bool = setting(True, help="false: tables of the runs there are")

    def __post_init__(self) -> None:
        if not self.seeds or not self.boards:
            raise InputError("seeds and boards must not be empty")
        if self.picture and len({board.dataset for board in self.boards}) > 1:
            raise InputError("picture is of one dataset; boards has several")
