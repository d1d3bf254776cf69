"""Terms of the loss beside the objective's: what a classifier sees, and an adversary."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from colorization.color import LabBatch
from colorization.errors import InputError
from colorization.models.checkpoints import read_checkpoint
from colorization.objectives.adversarial import PatchAdversary
from colorization.objectives.perceptual import FeatureDistance, RGBError, distance
from colorization.settings.commands import Train
from colorization.training.run import build_parts, train
from tests.training.curves import curves


def scenes(count: int = 2, size: int = 32, seed: int = 0) -> LabBatch:
    random = torch.Generator().manual_seed(seed)
    L = torch.rand(count, 1, size, size, generator=random) * 60 + 20
    return LabBatch(L, torch.randn(count, 2, size, size, generator=random) * 15)


def test_distance_of_features_is_that_of_directions() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]]).T[None, :, :, None]
    other = torch.tensor([[5.0, 0.0], [3.0, 0.0], [-3.0, -4.0]]).T[None, :, :, None]
    # Alike, at right angles, opposite: squared chords of the unit circle.
    assert distance(one, other).item() == pytest.approx((0 + 2 + 4) / 3)


def test_a_classifier_sees_that_colours_are_wrong_and_stays_as_it_is() -> None:
    term = FeatureDistance(2.0, "tf_efficientnet_lite0", "package")
    term.start()
    before = {name: value.clone() for name, value in term.state_dict().items()}
    truth = scenes(size=96)
    assert term(truth, truth) == 0
    gray = LabBatch(truth.L, torch.zeros_like(truth.ab))
    near = LabBatch(truth.L, truth.ab * 0.8)
    assert term(gray, truth) > term(near, truth) > 0
    ab = gray.ab.clone().requires_grad_()
    loss = term(LabBatch(truth.L, ab), truth)
    loss.backward()
    assert ab.grad is not None
    assert ab.grad.abs().sum() > 0
    assert not [name for name, weight in term.named_parameters() if weight.requires_grad]
    assert all(torch.equal(value, before[name]) for name, value in term.state_dict().items())
    half = FeatureDistance(1.0, "tf_efficientnet_lite0", "package")
    half.start()
    assert half(gray, truth).item() == pytest.approx(term(gray, truth).item() / 2, rel=1e-5)


def test_rgb_error_is_of_what_is_shown() -> None:
    white = LabBatch(torch.full((1, 1, 4, 4), 100.0), torch.zeros(1, 2, 4, 4))
    black = LabBatch(torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4))
    assert RGBError(3.0)(white, black).item() == pytest.approx(3.0, abs=1e-3)


def test_the_adversary_learns_to_tell_and_the_colours_to_fool_it() -> None:
    torch.manual_seed(0)
    adversary = PatchAdversary(0.5, 0, 8)
    truth = scenes(8)
    ab = torch.zeros_like(truth.ab, requires_grad=True)
    optimizer = torch.optim.AdamW(adversary.parameters(), lr=1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        adversary(LabBatch(truth.L, ab.detach()), truth).backward()
        optimizer.step()
    assert adversary.told_apart > 0.5
    adversary.eval()
    judged = adversary.judge(LabBatch(truth.L, ab)).mean()
    (direction,) = torch.autograd.grad(adversary(LabBatch(truth.L, ab), truth), ab)
    with torch.no_grad():
        moved = adversary.judge(LabBatch(truth.L, ab - direction / direction.abs().max())).mean()
    assert moved > judged, "a step down the loss looks truer to it"


def test_neither_side_of_the_adversary_s_loss_reaches_the_other() -> None:
    adversary, truth = PatchAdversary(0.5, 0, 8).eval(), scenes()
    ab = (truth.ab * 0.1).requires_grad_()
    adversary(LabBatch(truth.L, ab), truth).backward()
    own = [weight.grad.clone() for weight in adversary.parameters()]  # type: ignore[union-attr]
    adversary.weight = 0.0
    adversary.zero_grad()
    adversary(LabBatch(truth.L, ab), truth).backward()
    for first, weight in zip(own, adversary.parameters(), strict=True):
        assert weight.grad is not None
        assert torch.allclose(first, weight.grad, rtol=1e-2, atol=1e-6), "fooling trains it too"


def test_the_adversary_takes_part_when_it_is_told_to() -> None:
    adversary = PatchAdversary(0.5, 0.25, 8)
    assert not adversary.is_on(0.2)
    assert adversary.is_on(0.25)


@pytest.mark.parametrize(("share", "collapses"), [(1.0, True), (0.9, False)])
def test_telling_nearly_all_patches_apart_is_a_collapse(
    caplog: pytest.LogCaptureFixture, share: float, collapses: bool
) -> None:
    adversary = PatchAdversary(0.5, 0, 8)
    judged = torch.ones(100)
    judged[: round(100 * (1 - share))] = -1
    for step in range(60):
        adversary.watch(judged, -judged, torch.tensor(0.0))
        if step < 20:
            assert not adversary.collapsed, "a few steps say nothing"
    assert bool(adversary.collapsed) == collapses
    assert adversary.is_on(1.0) != collapses
    text = "has collapsed (it tells 98% of all patches apart); training goes on without it"
    assert caplog.text.count(text) == 0 if not collapses else text in caplog.text


def test_what_is_not_finite_is_a_collapse_and_reaches_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adversary, truth = PatchAdversary(0.5, 0, 8), scenes()
    with torch.no_grad():
        adversary.layers[-1].bias.fill_(float("nan"))
    ab = (truth.ab * 0.1).requires_grad_()
    assert adversary(LabBatch(truth.L, ab), truth) == 0
    assert adversary.collapsed
    assert "has collapsed (not finite); training goes on without it" in caplog.text


def test_the_best_weights_are_chosen_by_all_terms(settings: Callable[..., Train]) -> None:
    def monitor(*words: str) -> str:
        return build_parts(settings("network=unet", "network.width=8", *words))[0].monitor

    assert monitor() == "val/mse"
    assert monitor("perceptual=features") == "val/loss"
    assert monitor("amplifier=residual") == "val/loss"
    assert monitor("objective=bins") == "val/loss"
    assert monitor("adversary=patch") == "val/mse"


def test_an_adversary_compares_what_has_the_same_resolution(settings: Callable[..., Train]) -> None:
    truth = scenes()
    words = ["network=unet", "network.width=8", "adversary=patch"]
    plainly = build_parts(settings(*words))[0].attainable(truth).ab
    coarse = torch.nn.functional.avg_pool2d(truth.ab, 2)
    wanted = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")
    assert torch.allclose(plainly, wanted, atol=1e-5)
    amplified = build_parts(settings(*words, "amplifier=residual"))[0]
    assert amplified.attainable(truth) is truth


def test_an_adversary_that_comes_late_is_waited_for(
    settings: Callable[..., Train], tmp_path: Path
) -> None:
    words = ["adversary=patch", "trainer.max_epochs=5", "trainer.patience=1", "optimizer.lr=1e-30"]
    assert train(settings(*words), tmp_path)["ended_by"] == "max_epochs"


def test_one_that_never_began_is_mentioned(
    settings: Callable[..., Train], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["adversary=patch", "trainer.max_epochs=100", "trainer.max_minutes=0.0001"]
    assert train(settings(*words), tmp_path)["ended_by"] == "max_minutes"
    assert "training ended before adversary.begin=0.7 of it" in caplog.text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("classifier=nonsense", "perceptual.classifier is 'nonsense', which is no network of timm"),
        ("weights=nowhere", "no file nowhere; perceptual.weights is hub, package, random or a"),
        (
            "classifier=resnet18",
            "perceptual.weights=package has .*_lite0, .*_lite2, not resnet18",
        ),
    ],
)
def test_a_wrong_classifier_is_named(
    settings: Callable[..., Train], tmp_path: Path, setting: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(settings("perceptual=features", f"perceptual.{setting}"), tmp_path)


def test_training_goes_on_without_a_collapsed_adversary(
    settings: Callable[..., Train],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A collapse by force: its weights are not finite after the first epoch."""
    judged = PatchAdversary.judge
    calls: list[int] = []

    def breaking(self: PatchAdversary, batch: Any) -> torch.Tensor:
        calls.append(1)
        return judged(self, batch) * (float("nan") if len(calls) > 9 else 1)

    monkeypatch.setattr(PatchAdversary, "judge", breaking)
    caplog.set_level(logging.WARNING)
    words = ["adversary=patch", "adversary.begin=0.25", "trainer.max_epochs=6"]
    results = train(settings(*words), tmp_path)
    assert results["ended_by"] == "max_epochs"
    assert results["best_epoch"] == 6, "the last weights are kept"
    assert "collapsed (not finite)" in caplog.text
    found = curves(tmp_path)
    on = found["train/adversary_on"]
    assert (on[0], max(on), on[-1]) == (0, 1, 0)
    assert all(0 <= value <= 1 for value in found["train/told_apart"])
    assert len(found["train/objective"]) == 6
    state = read_checkpoint(tmp_path / "checkpoints" / "best.ckpt")["state_dict"]
    assert state["adversary.collapsed"]
    assert all(value.isfinite().all() for value in state.values())
