"""One training step of the paper's network, several ways, interleaved in one run.

    python -m benchmarks.training_step [--rounds 7] [--size 128] [--batch 25] [--output FILE]

Each way runs in a process of its own, so that none changes another's allocator or threads. A
round asks every process for one step in turn; medians over the rounds are printed. A way that fails
is named in the table, and the others go on. The Keras ways need the extra ``keras``.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import track

from colorization.files.atomic import write_text
from colorization.reports.tables import markdown

WARMUP = 2
PATIENCE = 600  # s for a way's answer; its first step includes its imports
FRESH: BaseContext = multiprocessing.get_context("spawn")


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


def keras(gate: Gate, shape: Shape, policy: str = "float32") -> None:
    """The same network in Keras on TensorFlow: what the paper used, in float32. Lab is ready-made.

    Args:
        policy: Keras's name for a precision.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras as k
    import numpy as np

    from colorization.networks.paper import LAYERS

    k.config.set_dtype_policy(policy)
    model = k.Sequential([k.Input((shape.size, shape.size, 1))])
    for filters, stride, upsample in LAYERS:
        activation = "tanh" if filters == 2 else "relu"
        model.add(k.layers.Conv2D(filters, 3, stride, padding="same", activation=activation))
        if upsample:
            model.add(k.layers.UpSampling2D(2))
    model.add(k.layers.UpSampling2D(2))  # ours is left to the objective
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
    "Keras on TensorFlow, bfloat16": partial(keras, policy="mixed_bfloat16"),
    "a batch from the cache": loading,
    "augmentation and Lab": conversion,
}


def ours(shape: Shape, trainer_option: str) -> tuple[Any, Any, Any]:
    """Trainer, colorizer and datamodule of the paper's settings, as src.train makes them."""
    from hydra import compose, initialize_config_dir

    from colorization.models import hardware
    from colorization.settings.compose import CONF, parse_config, register
    from colorization.training.callbacks import EpochProgress
    from colorization.training.run import build_parts
    from colorization.training.trainer import make_trainer

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
        settings = parse_config(compose("train", overrides))
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

    from colorization.color import scale_lightness

    optimizer = torch.optim.RMSprop(colorizer.network.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    while True:
        gate()
        batch = next(batches)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            raw = colorizer.network(scale_lightness(batch.L))
            loss = colorizer.objective(raw, batch.ab, colorizer.network.upsampling)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def run_way(way: Callable[[Gate, Shape], None], connection: Connection, shape: Shape) -> None:
    """Body of one way's process; why it ended is its last answer."""
    from colorization.training.run import quieten_lightning

    quieten_lightning()
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        way(Gate(connection), shape)
        connection.send("it ended by itself")
    except EOFError:
        pass  # the benchmark itself has ended
    except ModuleNotFoundError as error:
        connection.send(f"{error.name} is not installed")
    except BaseException as error:
        connection.send(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def measure(shape: Shape, rounds: int) -> dict[str, float | str]:
    """Median seconds of a step by way, or why it has failed."""
    connections, processes = {}, {}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    failed: dict[str, str] = {}
    try:
        for name, way in WAYS.items():
            connections[name], theirs = FRESH.Pipe()
            process = FRESH.Process(target=run_way, args=(way, theirs, shape), daemon=True)  # type: ignore[attr-defined]
            process.start()
            theirs.close()  # so that a process that dies is noticed
            processes[name] = process
        for _ in track(range(WARMUP + rounds), "rounds", transient=True):
            for name in [name for name in WAYS if name not in failed]:
                answer = step(connections[name])
                if isinstance(answer, str):
                    failed[name] = answer
                    processes[name].kill()
                else:
                    seconds[name].append(answer)
    finally:
        for process in processes.values():
            process.kill()  # Lightning survives SIGTERM, which Python would end them by
    return {name: failed.get(name) or statistics.median(seconds[name][WARMUP:]) for name in WAYS}


def step(connection: Connection) -> float | str:
    """Seconds of a way's next step, or why there is none."""
    with suppress(OSError):  # it has ended, and its last answer says why
        connection.send(None)
    try:
        return connection.recv() if connection.poll(PATIENCE) else f"no answer for {PATIENCE} s"
    except (EOFError, OSError):
        return "its process died"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    options = parser.parse_args()
    shape = Shape(options.batch, options.size)
    text = report(measure(shape, options.rounds), shape, options.rounds)
    print(text)
    if options.output:
        write_text(text, options.output)


def report(found: Mapping[str, float | str], shape: Shape, rounds: int) -> str:
    """What :func:`measure` has found as Markdown, with the machine that it was measured on."""
    import torch

    ours = found["ours, under Lightning"]
    rows = []
    for name, seconds in found.items():
        if isinstance(seconds, str):
            rows.append([name, f"failed: {seconds}", "-", "-"])
            continue
        share = f"{seconds / ours:.3f}" if isinstance(ours, float) else "-"
        rows.append([name, f"{1000 * seconds:,.1f}", f"{shape.batch / seconds:,.1f}", share])
    having = [name for name in ("avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities()[name]]
    instructions = " and ".join(having) or "no bfloat16 instructions"
    machine = f"{os.cpu_count()} cores of {name_processor()} with {instructions}"
    title = f"### A step of {shape.batch} photographs at {shape.size} px, {machine}\n\n"
    header = ("way", f"ms, median of {rounds}", "images/s", "of ours, under Lightning")
    return title + markdown(header, rows)


def name_processor() -> str:
    """Name the CPU as it calls itself, or as well as the system knows."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line for line in lines if line.startswith("model name"))
        return name.partition(": ")[2]
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
