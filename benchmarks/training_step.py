"""One training step of the paper's network, several ways, interleaved in one run.

    python -m benchmarks.training_step [--rounds 7] [--size 128] [--batch 25] [--output FILE]

Each way runs in a process of its own, so that none changes another's allocator or threads. A
round asks every process for one step in turn; medians over the rounds are printed. The Keras way
needs the extra ``keras`` and is left out without it.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import track

from src.files import write_text
from src.tables import markdown

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
    """Ours: a run as src.train makes it, with all its callbacks and loggers."""
    import pytorch_lightning as pl

    class Step(pl.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            gate()

    trainer, colorizer, data = ours(shape, "cpu")
    trainer.callbacks.append(Step())
    gate()
    trainer.fit(colorizer, datamodule=data)


def bare(gate: Gate, shape: Shape) -> None:
    """Ours without Lightning: the same batches and settings in a plain loop."""
    trainer, colorizer, data = ours(shape, "cpu")
    plain_loop(gate, colorizer, ready_batches(data, trainer), half=trainer.precision != "32-true")


def float32(gate: Gate, shape: Shape) -> None:
    """Eager float32 in NCHW, the allocator as it is: PyTorch as most people run it."""
    trainer, colorizer, data = ours(shape, "float32")
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
    _, _, data = ours(shape, "cpu")
    while True:
        for _ in data.train_dataloader():
            gate()


def conversion(gate: Gate, shape: Shape) -> None:
    """Augmentation and Lab of a batch, alone."""
    trainer, _, data = ours(shape, "cpu")
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


def ours(shape: Shape, trainer_option: str) -> tuple[Any, Any, Any]:
    """Trainer, colorizer and datamodule of the paper's settings, as src.train makes them."""
    from hydra import compose, initialize_config_dir

    from src import hardware
    from src.callbacks import EpochProgress
    from src.config import CONF, checked, register
    from src.train import build_parts
    from src.trainer import make_trainer

    register()
    overrides = [
        f"trainer={trainer_option}",
        f"dataset.size={shape.size}",
        f"dataset.train={8 * shape.batch}",
        f"data.batch_size={shape.batch}",
        "dataset.val=2",
        "trainer.max_epochs=10000",
        "optimizer=rmsprop",
        "scheduler=none",
    ]
    with initialize_config_dir(CONF, version_base="1.3"):
        settings = checked(compose("train", overrides))
    device = hardware.choose(settings.trainer)
    colorizer, data = build_parts(settings)
    data.setup("fit")
    folder = Path(tempfile.mkdtemp())
    return make_trainer(settings, device, colorizer, data, folder, EpochProgress()), colorizer, data


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
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
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
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    options = parser.parse_args()
    shape = Shape(options.batch, options.size)
    medians = measure(shape, options.rounds)
    text = report(medians, shape, options.rounds)
    print(text)
    if len(medians) < len(WAYS):
        print("Keras was left out: pip install -e .[keras] for it")
    if options.output:
        write_text(text, options.output)


def report(medians: dict[str, float], shape: Shape, rounds: int) -> str:
    """The medians as Markdown, with the machine they were measured on."""
    import torch

    step = medians["ours, under Lightning"]
    rows = [
        [name, f"{1000 * s:,.1f}", f"{shape.batch / s:,.1f}", f"{s / step:.3f}"]
        for name, s in medians.items()
    ]
    having = [name for name in ("avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities()[name]]
    machine = f"{os.cpu_count()} cores with {' and '.join(having) or 'no bfloat16 instructions'}"
    title = f"### A step of {shape.batch} photographs at {shape.size} px, {machine}\n\n"
    header = ("way", f"ms, median of {rounds}", "images/s", "of ours, under Lightning")
    return title + markdown(header, rows)


if __name__ == "__main__":
    main()
