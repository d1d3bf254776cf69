"""When recipes are said to have reached a target, and how much sooner."""

import math
from types import SimpleNamespace

import pytest

from benchmarks.time_to_quality import FIGURE, TABLE, Epoch, Watch, find, report
from colorization.training.callbacks import EpochProgress


def trainer_with(mse: float, should_stop: bool = False) -> SimpleNamespace:
    return SimpleNamespace(callback_metrics={"val/mse": mse}, should_stop=should_stop)


def test_epochs_are_noted_until_the_target_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 12.0, 15.0, 19.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    progress = EpochProgress()
    watch = Watch(0.1, 100, progress)
    watch.on_train_start(trainer_with(1), None)  # type: ignore[arg-type]
    for mse, stops in ((0.4, False), (0.6, False), (0.1, True)):
        progress.images += 8
        trainer = trainer_with(mse)
        watch.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert trainer.should_stop == stops
    assert watch.epochs == [Epoch(0.4, 2.0, 8), Epoch(0.6, 5.0, 16), Epoch(0.1, 9.0, 24)]
    assert find(watch.epochs, 0.5) == Epoch(0.5, 2.0, 8)
    assert find(watch.epochs, 0.2) == Epoch(0.2, 9.0, 24)
    assert math.isinf(find(watch.epochs, 0.05).seconds)


def test_training_stops_at_the_limit_and_when_lightning_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([0.0, 50.0, 101.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    watch = Watch(0.1, 100, EpochProgress())
    watch.on_train_start(trainer_with(1), None)  # type: ignore[arg-type]
    diverged = trainer_with(math.nan, should_stop=True)
    watch.on_train_epoch_end(diverged, None)  # type: ignore[arg-type]
    assert diverged.should_stop
    late = trainer_with(1)
    watch.on_train_epoch_end(late, None)  # type: ignore[arg-type]
    assert late.should_stop
    assert math.isinf(find(watch.epochs, 0.1).seconds)


def test_report_says_how_much_sooner_or_at_least() -> None:
    ours = {FIGURE: Epoch(0.0014189, 10, 600), TABLE: Epoch(0.001, 20, 1200)}
    paper = {FIGURE: Epoch(0.0014189, 250, 4200), TABLE: Epoch(0.001)}
    rows = report({"ours": ours, "paper": paper}, limit=600).splitlines()[4:]
    assert rows == [
        f"| 0.0014189, {FIGURE} | 10.0 s, 600 photographs | 250.0 s, 4,200 photographs | 25.0 |",
        f"| 0.0010000, {TABLE} | 20.0 s, 1,200 photographs | not reached | more than 30.0 |",
    ]
    never = report({"ours": paper, "paper": ours}, limit=600).splitlines()[-1]
    assert never.endswith("| not reached | 20.0 s, 1,200 photographs | - |")
