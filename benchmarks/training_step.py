"""One training step of the paper's network, several ways, interleaved in one run.

    python -m benchmarks.training_step [--rounds 7] [--size 128] [--batch 25]

Each way runs in a process of its own, so that none changes another's allocator or threads. A
round asks every process for one step in turn; medians over the rounds are printed. The Keras way
needs the extra ``keras`` and is left out without it.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

WARMUP = 2


class Shape(NamedTuple):
    """Photographs a step and their side in px."""

    batch: int
    size: int


class Gate:
    """Called before each step: reports the seconds since it last let through, and waits."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.start: float | None = None

    def __call__(self) -> None:
        if self.start is not None:
            self.connection.send(time.perf_counter() - self.start)
        self.connection.recv()
        self.start = time.perf_counter()


def lightning(gate: Gate, shape: Shape) -> None:
    """Ours: ``trainer=auto`` under Lightning, batches from the cache, light augmentation, Lab."""
    import pytorch_lightning as pl

    class Step(pl.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            gate()

    trainer, colorizer, data = ours(shape, "auto", [Step()])
    gate()
    trainer.fit(colorizer, datamodule=data)


def bare(gate: Gate, shape: Shape) -> None:
    """Ours without Lightning: the same batches and settings in a plain loop."""
    from src.colorizer import Colorizer

    trainer, colorizer, data = ours(shape, "auto", [])
    assert isinstance(colorizer, Colorizer)
    plain_loop(gate, colorizer, ready_batches(data, trainer), half=trainer.precision != "32-true")


def float32(gate: Gate, shape: Shape) -> None:
    """Eager float32 in NCHW, the allocator as it is: PyTorch as most people run it."""
    trainer, colorizer, data = ours(shape, "float32", [])
    plain_loop(gate, colorizer, ready_batches(data, trainer), half=False)


def keras(gate: Gate, shape: Shape) -> None:
    """The same network in Keras on TensorFlow, float32: what the paper used. Lab is ready-made."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras as k
    import numpy as np

    from src.networks.paper import LAYERS

    model = k.Sequential([k.Input((shape.size, shape.size, 1))])
    for filters, stride, upsample in LAYERS:
        activation = "tanh" if filters == 2 else "relu"
        model.add(k.layers.Conv2D(filters, 3, stride, padding="same", activation=activation))
        if upsample:
            model.add(k.layers.UpSampling2D(2))
    assert model.count_params() == 6_146_194
    model.compile(k.optimizers.RMSprop(1e-3), "mse")
    random = np.random.default_rng(0)
    L = random.random((shape.batch, shape.size, shape.size, 1), dtype=np.float32)
    ab = random.random((shape.batch, shape.size, shape.size, 2), dtype=np.float32) / 10
    while True:
        gate()
        model.train_on_batch(L, ab)


def loading(gate: Gate, shape: Shape) -> None:
    """A batch out of the cache, alone."""
    _, _, data = ours(shape, "auto", [])
    while True:
        for _ in data.train_dataloader():
            gate()


def conversion(gate: Gate, shape: Shape) -> None:
    """Augmentation and Lab of a batch, alone."""
    trainer, _, data = ours(shape, "auto", [])
    pixels = data.images["train"].pixels[: shape.batch]
    data.trainer = trainer
    trainer.training = True
    while True:
        gate()
        data.on_after_batch_transfer(pixels, 0)


WAYS: dict[str, Callable[[Gate, Shape], None]] = {
    "ours, under Lightning": lightning,
    "ours, in a bare loop": bare,
    "eager float32 NCHW": float32,
    "Keras on TensorFlow, float32": keras,
    "a batch from the cache": loading,
    "augmentation and Lab": conversion,
}


def ours(shape: Shape, trainer_option: str, more: list[Any]) -> tuple[Any, Any, Any]:
    """Trainer, colorizer and datamodule of the paper's settings, as src.train makes them."""
    import pytorch_lightning as pl
    import torch
    from hydra import compose, initialize_config_dir

    from src import hardware
    from src.colorizer import Colorizer
    from src.config import CONF, checked, plain, register
    from src.data.datamodule import ColorDataModule

    register()
    overrides = [
        f"trainer={trainer_option}",
        f"dataset.size={shape.size}",
        f"dataset.train={4 * shape.batch}",
        "augmentation=light",
        "optimizer=rmsprop",
        "scheduler=none",
    ]
    with initialize_config_dir(CONF, version_base="1.3"):
        settings = checked(compose("train", overrides))
    config = plain(settings)
    device = hardware.choose(settings.trainer)
    parts = ("network", "objective", "optimizer", "scheduler")
    colorizer = Colorizer(**{part: config[part] for part in parts})
    if settings.trainer.channels_last:
        colorizer.to(memory_format=torch.channels_last)
    data = ColorDataModule(config["dataset"], config["augmentation"], shape.batch, 0)
    data.setup()
    trainer = pl.Trainer(
        accelerator=device.accelerator,
        precision=device.precision,  # type: ignore[arg-type]
        max_epochs=10_000,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=more,
    )
    return trainer, colorizer, data


def ready_batches(data: Any, trainer: Any) -> Any:
    """Endless augmented LabBatches."""
    data.trainer = trainer
    trainer.training = True  # it fits nothing here
    while True:
        for pixels in data.train_dataloader():
            yield data.on_after_batch_transfer(pixels, 0)


def plain_loop(gate: Gate, colorizer: Any, batches: Any, half: bool) -> None:
    import torch

    from src.color import scale_lightness

    optimizer = torch.optim.RMSprop(colorizer.network.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    while True:
        gate()
        batch = next(batches)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = colorizer.objective(colorizer.network(scale_lightness(batch.L)), batch.ab)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def run_way(name: str, connection: Connection, shape: Shape) -> None:
    """Body of one way's process."""
    from src.train import quieten_lightning

    quieten_lightning()
    WAYS[name](Gate(connection), shape)


def measure(shape: Shape, rounds: int) -> dict[str, float]:
    """Median seconds of a step by way."""
    context = multiprocessing.get_context("spawn")
    names = [n for n in WAYS if "Keras" not in n or importlib.util.find_spec("tensorflow")]
    connections, processes = {}, []
    for name in names:
        connections[name], theirs = context.Pipe()
        process = context.Process(target=run_way, args=(name, theirs, shape), daemon=True)
        process.start()
        theirs.close()  # so that a way that fails is noticed
        processes.append(process)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in track(range(WARMUP + rounds), "rounds", transient=True):
        for name, connection in connections.items():
            connection.send(None)
            seconds[name].append(connection.recv())
    for process in processes:
        process.kill()
    return {name: statistics.median(times[WARMUP:]) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=25)
    options = parser.parse_args()
    shape = Shape(options.batch, options.size)
    medians = measure(shape, options.rounds)
    step = medians["ours, under Lightning"]
    title = f"batch {shape.batch} at {shape.size} px, {options.rounds} rounds, medians"
    table = Table("way", "ms", "images/s", "of ours, under Lightning", title=title)
    for name, seconds in medians.items():
        rate, share = f"{shape.batch / seconds:,.1f}", f"{seconds / step:.3f}"
        table.add_row(name, f"{1000 * seconds:,.1f}", rate, share)
    Console().print(table)
    if len(medians) < len(WAYS):
        Console().print("Keras was left out: pip install -e .[keras] for it")


if __name__ == "__main__":
    main()
