"""Settings of how it learns: terms of the loss, optimizers, schedules."""

from dataclasses import dataclass

from src.errors import InputError
from src.limits import above_zero, at_least, at_most
from src.schemas.target import MAX_WEIGHT, PathText, Target


@dataclass(kw_only=True)
class FeatureDistance(Target):
    _target_: str = "src.objectives.terms.FeatureDistance"
    weight: float
    classifier: str
    weights: PathText

    def __post_init__(self) -> None:
        above_zero("perceptual", self, "weight")
        at_most("perceptual", self, weight=MAX_WEIGHT)


@dataclass(kw_only=True)
class PatchAdversary(Target):
    _target_: str = "src.objectives.adversary.PatchAdversary"
    weight: float
    begin: float
    width: int

    def __post_init__(self) -> None:
        above_zero("adversary", self, "weight")
        at_least("adversary", self, begin=0, width=1)
        at_most("adversary", self, weight=MAX_WEIGHT, width=512)
        if not self.begin < 1:
            raise InputError(f"adversary.begin is {self.begin}; it must be 0 to below 1")


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
class SGD(Optimizer):
    _target_: str = "torch.optim.SGD"
    momentum: float
    nesterov: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("optimizer", self, momentum=0)
        at_most("optimizer", self, momentum=1)
        if self.nesterov and not self.momentum:
            raise InputError("optimizer.nesterov needs optimizer.momentum above 0")


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
