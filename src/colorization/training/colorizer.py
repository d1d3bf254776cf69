"""The LightningModule: what predicts, with its loss, optimizer, schedule and metrics."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics import Metric

from colorization.color import LabBatch, scale_lightness
from colorization.data.batches import BatchShares
from colorization.data.processes import sum_over_processes
from colorization.errors import InputError
from colorization.metrics.measures import FINAL, make_metrics, pair_with_truth
from colorization.models.checkpoints import DATA, read_checkpoint
from colorization.models.predictor import Predictor, restore
from colorization.networks.resize import reduce_to_output
from colorization.objectives.adversarial import PatchAdversary
from colorization.objectives.perceptual import RGBError, Term
from colorization.settings.compose import build

log = logging.getLogger(__name__)


class WeightedMean(Metric):
    """The mean of scalars, each with a weight, over all processes.

    torchmetrics' MeanMetric looks for NaN, which waits for the device at every step; where it does
    not (``nan_strategy="disable"``, version 1.9) it forgets the weights.
    """

    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("weight", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, value: Tensor | float, weight: int) -> None:
        """Add a scalar on the metric's device."""
        self.total = self.total + value * weight
        self.weight = self.weight + weight

    def compute(self) -> Tensor:
        """Return the mean, a scalar."""
        return self.total / self.weight


class EpochMeans(nn.ModuleDict):
    """Means of an epoch's values by name; each step counts by its number of photographs.

    A metric keeps its sums with a network's weights, and only those of one process. These sums go
    into a checkpoint for all processes together, so that a run can resume within an epoch.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__({name: WeightedMean() for name in names})

    def __getitem__(self, name: str) -> WeightedMean:
        mean = super().__getitem__(name)
        assert isinstance(mean, WeightedMean)
        return mean

    def reset(self) -> None:
        """Begin a new epoch."""
        for name in self:
            self[name].reset()

    def sums(self) -> dict[str, tuple[Tensor, float]]:
        """Return weighted sum and weight of each name over all processes; each must call this."""
        own = [torch.stack([self[name].total, self[name].weight]) for name in self]
        pairs = zip(self, sum_over_processes(torch.stack(own)), strict=True)
        return {name: (total, float(weight)) for name, (total, weight) in pairs}

    def load(self, sums: Mapping[str, tuple[Tensor, float]]) -> None:
        """Go on from what :meth:`sums` returned; one process takes it, the others start at 0."""
        for name, (total, weight) in sums.items():
            mean = self[name]
            mean.total, mean.weight = total.to(mean.device), mean.weight.new_tensor(weight)


class Colorizer(Predictor, pl.LightningModule):
    """Learns to predict a and b from L.

    Every argument is a plain dict with the ``_target_`` and the settings of one part, so that a
    checkpoint holds primitives and tensors only.

    Args:
        network: scaled L (B,1,H,W) to raw output.
        objective: raw output to ab, and the loss.
        optimizer: of all that is trained.
        scheduler: of the learning rate, over the run's steps.
        flip_average: whether a prediction is the mean over a photograph and its mirror image.
        strength: how much stronger than predicted colours are.
        amplifier: corrects the coloured photograph.
        perceptual, adversary: more terms of the loss, of the coloured photograph.

    Raises:
        InputError: for an amplifier that nothing would train.
    """

    def __init__(
        self,
        network: Mapping[str, Any],
        objective: Mapping[str, Any],
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any],
        flip_average: bool = False,
        strength: float = 0.0,
        amplifier: Mapping[str, Any] | None = None,
        perceptual: Mapping[str, Any] | None = None,
        adversary: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(network, objective, flip_average, strength, amplifier)
        self.save_hyperparameters()
        self.optimizer_settings = optimizer
        self.scheduler_settings = scheduler
        self.terms = nn.ModuleDict()
        if self.amplifier and self.amplifier.weight:
            self.terms["rgb"] = RGBError(self.amplifier.weight)
        if perceptual:
            self.terms["perceptual"] = build(perceptual)
        self.adversary: PatchAdversary | None = build(adversary) if adversary else None
        if self.amplifier and not self.terms:
            raise InputError(
                "nothing trains the amplifier: set amplifier.weight above 0, or perceptual"
            )
        self.seen_before: set[str] = set()
        self.base: dict[str, Any] | None = None  # what is known of the model it began with
        names = ["train/loss"]
        if self.terms or self.adversary:
            names += ["train/objective", *(f"train/{name}" for name in self.terms)]
        if self.adversary:
            names += ["train/adversary", "train/told_apart", "train/adversary_on"]
        self.epoch_means = EpochMeans(names)
        self.val_loss = WeightedMean()
        self.val_metrics = make_metrics("val/")
        self.test_metrics = make_metrics("test/", FINAL)

    @property
    def monitor(self) -> str:
        """What the best weights have the least of."""
        return "val/loss" if self.terms else self.objective.monitor

    @property
    def convolutional(self) -> list[nn.Module]:
        """Its parts whose weights have a layout."""
        parts = (self.network, self.amplifier, *self.terms.values(), self.adversary)
        return [part for part in parts if part]

    def start(self, batches: Iterable[LabBatch]) -> None:
        """Make ready for a new training on a training set's photographs.

        A network that has a trained model's weights keeps them.

        Raises:
            InputError: for weights that cannot be had, or are of another architecture.
        """
        constant = self.objective.start(batch.ab for batch in batches)
        if not self.base:
            self.network.start(constant)
        for term in self.terms.values():
            assert isinstance(term, Term)
            term.start()

    def set_decoding(self, **changes: Any) -> None:
        """Change settings of decoding, in what a checkpoint holds too."""
        super().set_decoding(**changes)
        given = {name: value for name, value in changes.items() if value is not None}
        if "temperature" in given:  # in a new dict: this one may be the caller's
            given["objective"] = {**self.hparams["objective"], "temperature": given["temperature"]}
            del given["temperature"]
        self.hparams.update(given)

    def losses(
        self, raw: Tensor, batch: LabBatch, progress: float | None = None
    ) -> dict[str, Tensor]:
        """Terms of the loss by name, each a scalar.

        Args:
            raw: the network's output (B,C,h,w) for the photographs of ``batch``.
            progress: share of the training that is over; None outside of it, with no adversary.
        """
        found = {"objective": self.objective(raw, batch.ab, self.network.upsampling)}
        is_opposed = self.adversary and progress is not None and self.adversary.is_on(progress)
        if not self.terms and not is_opposed:
            return found
        predicted = LabBatch(batch.L, self.ab([raw], batch.L))
        for name, term in self.terms.items():
            found[name] = term(predicted, batch)
        if self.adversary and is_opposed:
            found["adversary"] = self.adversary(predicted, self.attainable(batch))
        return found

    def attainable(self, batch: LabBatch) -> LabBatch:
        """What an adversary compares with: the truth, (B,2,H,W), as coarse as what is predicted."""
        if self.amplifier:
            return batch
        return LabBatch(batch.L, reduce_to_output(batch.ab, self.network.upsampling))

    def on_fit_start(self) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if data.augmentation.is_repeating:
            self.network.keep_features(data.cache and data.cache.folder, data.processes)

    def on_fit_end(self) -> None:
        self.network.forget_features()
        if self.adversary and not self.adversary.has_begun:
            log.warning("training ended before adversary.begin=%g of it", self.adversary.begin)

    def on_train_epoch_start(self) -> None:
        self.epoch_means.reset()

    def training_step(self, batch: LabBatch, batch_idx: int) -> dict[str, Any]:
        progress = self.global_step / self.trainer.estimated_stepping_batches
        losses = self.losses(self.network(scale_lightness(batch.L)), batch, progress)
        loss = torch.stack(list(losses.values())).sum()
        logged = {"train/loss": loss}
        if self.terms or self.adversary:
            logged |= {f"train/{name}": value for name, value in losses.items()}
        if self.adversary:
            logged["train/told_apart"] = self.adversary.told_apart
            logged["train/adversary_on"] = loss.new_tensor(float("adversary" in losses))
        for name, value in logged.items():
            self.epoch_means[name].update(value, len(batch.L))
            self.log(name, self.epoch_means[name], on_step=False, on_epoch=True)
        terms = {name: value.detach() for name, value in losses.items()}
        return {"loss": loss * get_shares(self.trainer).weight(batch_idx), "terms": terms}

    def validation_step(self, batch: LabBatch, batch_idx: int) -> None:
        views = self.raw_views(batch.L)
        losses = self.losses(views[0], batch)
        self.val_loss.update(sum(losses.values()), len(batch.L))
        self.log("val/loss", self.val_loss)
        self.val_metrics.update(pair_with_truth(self.ab(views, batch.L), batch))
        self.log_dict(self.val_metrics, batch_size=len(batch.L))

    def test_step(self, batch: LabBatch, batch_idx: int) -> None:
        self.test_metrics.update(pair_with_truth(self(batch.L), batch))
        self.log_dict(self.test_metrics, batch_size=len(batch.L))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the validation scores with the weights they are of, and what those have seen."""
        record = checkpoint[DATA]
        checkpoint["logged"] = self.epoch_means.sums()
        record["seen"] = sorted(self.seen_before.union(record["seen"]))
        checkpoint["base"] = self.base
        scores = self.trainer.callback_metrics
        checkpoint["val"] = {
            name.removeprefix("val/"): float(value)
            for name, value in scores.items()
            if name.startswith("val/")
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seen_before = set(checkpoint[DATA]["seen"])
        self.base = checkpoint.get("base")
        if self.global_rank == 0:  # which goes on for all
            self.epoch_means.load(checkpoint.get("logged", {}))  # older ones are of whole epochs

    def configure_optimizers(self) -> OptimizerLRScheduler:
        groups = self.network.parameter_groups(self.optimizer_settings["lr"])
        more = [part for part in (self.amplifier, self.adversary) if part]
        groups += [{"params": list(part.parameters())} for part in more]
        trained = [group for group in groups if group["params"]]
        settings = dict(self.optimizer_settings)
        if settings["_target_"] == "torch.optim.AdamW":
            settings["fused"] = True  # one pass over the weights: a sixth of the time on a CPU
        optimizer = build(settings, trained)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build(self.scheduler_settings, optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def get_shares(trainer: pl.Trainer) -> BatchShares:
    """What a process has of the training batches."""
    assert trainer.train_dataloader is not None
    shares: BatchShares = trainer.train_dataloader.shares
    return shares


def load_colorizer(path: str | Path) -> Colorizer:
    """Read a checkpoint and build the Colorizer that it describes; errors are those of both."""
    return build_colorizer(read_checkpoint(path), path)


def build_colorizer(checkpoint: Mapping[str, Any], path: str | Path) -> Colorizer:
    """Build the Colorizer that a checkpoint describes; errors are those of :func:`restore`."""
    settings = checkpoint["hyper_parameters"]
    return restore(lambda: Colorizer(**settings), checkpoint["state_dict"], path)
