"""Settings of how it learns: terms of the loss, optimizers, schedules."""

from dataclasses import dataclass, field

from colorization.errors import InputError
from colorization.settings.limits import Limits, within
from colorization.settings.target import SHARE, WEIGHT, PathText, Target

BELOW_ONE: Limits = within(0, 0.999999)  # of what 1 would never let go of


@dataclass(kw_only=True)
class FeatureDistance(Target):
    _target_: str = "colorization.objectives.perceptual.FeatureDistance"
    weight: float = field(metadata=WEIGHT)
    classifier: str
    weights: PathText


@dataclass(kw_only=True)
class PatchAdversary(Target):
    _target_: str = "colorization.objectives.adversarial.PatchAdversary"
    weight: float = field(metadata=WEIGHT)
    begin: float = field(metadata=BELOW_ONE)
    width: int = field(metadata=within(1, 512))


@dataclass(kw_only=True)
class Optimizer(Target):
    lr: float = field(metadata=within(1e-30, 1e38))  # as float32 has it
    weight_decay: float = field(metadata=SHARE)


@dataclass(kw_only=True)
class RMSprop(Optimizer):
    _target_: str = "torch.optim.RMSprop"
    alpha: float = field(metadata=BELOW_ONE)
    eps: float = field(metadata=SHARE)
    momentum: float = field(metadata=BELOW_ONE)


@dataclass(kw_only=True)
class AdamW(Optimizer):
    _target_: str = "torch.optim.AdamW"
    betas: tuple[float, float] = field(metadata=BELOW_ONE)
    eps: float = field(metadata=SHARE)

    def __post_init__(self) -> None:
        if len(self.betas) != 2:
            raise InputError(f"optimizer.betas is {self.betas}; it must be two, 0 to below 1")


@dataclass(kw_only=True)
class SGD(Optimizer):
    _target_: str = "torch.optim.SGD"
    momentum: float = field(metadata=BELOW_ONE)
    nesterov: bool

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise InputError("optimizer.nesterov needs optimizer.momentum above 0")


@dataclass(kw_only=True)
class Constant(Target):
    _target_: str = "colorization.training.schedules.constant"


@dataclass(kw_only=True)
class Cosine(Target):
    _target_: str = "colorization.training.schedules.cosine"
    final: float = field(metadata=SHARE)


@dataclass(kw_only=True)
class OneCycle(Target):
    _target_: str = "colorization.training.schedules.one_cycle"
    warmup: float = field(metadata=SHARE)
