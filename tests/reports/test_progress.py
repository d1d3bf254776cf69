"""Long work says how far it is in a log that is no terminal, however long one step takes."""

import os
import pty
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from select import select

import pytest

from colorization.cli import train as command
from colorization.data.cache import Cache
from colorization.data.datamodule import ColorDataModule
from colorization.data.download import fetch
from colorization.data.photographs import Source, load_in_memory, read_photograph
from colorization.evaluation.run import evaluate
from colorization.inference.album import colorize_album
from colorization.reports import progress
from colorization.reports.progress import shown, telling
from colorization.settings.commands import Evaluate, Train
from colorization.training.run import train
from tests.conftest import SMALL
from tests.support.command_line import PREPARED


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What is logged of progress, where half a minute is a few milliseconds."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0.004)
    caplog.set_level("INFO", "colorization.reports.progress")
    return lambda: "\n".join(
        r.message for r in caplog.records if r.name == "colorization.reports.progress"
    )


def slow(count: int, seconds: float) -> Iterator[int]:
    for item in range(count):
        time.sleep(seconds)
        yield item


def test_a_line_comes_at_least_so_often_with_what_is_done(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.1)
    caplog.set_level("INFO", "colorization.reports.progress")
    start = time.time()
    assert list(shown(slow(2, 0.55), "work", 2)) == [0, 1]
    end = time.time()
    told = [(record.created, record.message) for record in caplog.records]
    said = {message for _, message in told}
    assert said - {"work: 2 of 2"} == {"work: 0 of 2", "work: 1 of 2"}  # it may come at the end
    times = [start, *(when for when, _ in told), end]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert max(apart) < 0.4, "a step of 0.55 s is told of while it lasts"
    time.sleep(0.25)
    assert len(caplog.records) == len(told), "nothing is told of what is over"


def test_work_within_work_is_told_by_one_clock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.2)
    caplog.set_level("INFO", "colorization.reports.progress")
    with telling(lambda: "all"):
        for number in range(6):  # each too short to be told of if it had a clock of its own
            with telling(lambda number=number: f"part {number}"):  # type: ignore[misc]
                time.sleep(0.15)
        time.sleep(0.25)
    times = [record.created for record in caplog.records]
    assert len(times) >= 4
    assert max(later - earlier for earlier, later in pairwise(times)) < 0.4
    told = [record.message for record in caplog.records]
    assert told[0].startswith("all; part ")
    assert told[-1] == "all"


def train_in_terminal(terminal: str, words: list[str], folder: Path) -> None:
    """In a new process: train before a terminal, where half a minute is a few milliseconds."""
    sys.stdout = sys.stderr = open(terminal, "w")  # noqa: SIM115
    progress.LINE_EVERY = 0.02
    os.chdir(folder)
    sys.argv = ["train", *words]
    command.main()


def test_a_log_file_says_all_and_a_terminal_has_bars(tmp_path: Path) -> None:
    words = [*SMALL, "dataset.train=40", "trainer.max_epochs=3", "hydra.run.dir=run"]
    ours, theirs = pty.openpty()
    terminal = os.ttyname(theirs)
    running = PREPARED.Process(target=train_in_terminal, args=(terminal, words, tmp_path))
    running.start()
    shown_there = b""
    while running.is_alive() or select([ours], [], [], 0)[0]:
        if select([ours], [], [], 0.1)[0]:
            shown_there += os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    assert running.exitcode == 0, shown_there.decode()
    lines = (tmp_path / "run" / "train.log").read_text().splitlines()
    said = [line.partition(": ")[2] for line in lines]
    reason = r"in (bf16-mixed: it has|32-true: it lacks) instructions for bfloat16"
    assert re.fullmatch(rf"synthetic: training on this CPU \(\d+ threads\) {reason}", said[0])
    plan = "40 train, 2 val; at most 60 steps: 3 epochs of 20 steps of 2 photographs"
    assert f"photographs: {plan}" in said
    early = said.index("after 20 steps: less than 2 minutes left")
    steps = [re.match(r"epoch \d of 3, step \d+ of 20", line) for line in said]
    assert any(steps[:early])
    assert any(steps[early:])
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown_there.decode())
    assert "photographs: 40 train" in plain
    assert "after 20 steps" in plain
    assert "60/60" in plain
    assert "of 20;" not in plain, "a line of progress"


def test_short_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "colorization.reports.progress")
    assert list(shown(range(1000), "work")) == list(range(1000))
    assert caplog.records == []


def test_what_fails_is_no_longer_told_of() -> None:
    before = threading.active_count()

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError

    for fails in (lambda: list(shown(failing(), "work")), lambda: told_and_failed()):
        with pytest.raises(ValueError):
            fails()
    abandoned = shown(range(3), "work")
    assert next(abandoned) == 0
    assert threading.active_count() == before + 1
    del abandoned
    assert threading.active_count() == before


def told_and_failed() -> None:
    with telling(lambda: "work"):
        raise ValueError


def test_training_and_evaluation_say_how_far_they_are(
    settings: Callable[..., Train],
    asked: Callable[..., Evaluate],
    tmp_path: Path,
    lines: Callable[[], str],
) -> None:
    words = ("dataset.train=40", "trainer.max_epochs=2", "network.activation=relu")
    train(settings(*words), tmp_path / "run")
    found = lines()
    so_far = r"; loss 0\.\d+, [\d.e+]+ images/s"
    left = ", less than 2 minutes left"
    assert re.search(rf"epoch 1 of 2, step \d+ of 20{so_far}\n", found), "no estimate so early"
    last = rf"epoch 2 of 2, step \d+ of 20{so_far}{left}; last epoch: train \d\.\d+  val "
    assert re.search(last, found)
    assert re.search(r"going through the train photographs: \d+ of 20", found)
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    evaluate(asked(checkpoint, "datasets=[synthetic]", "tracks=own"), tmp_path / "scores")
    assert re.search(r"synthetic, own_16: \d of \d", lines())
    assert "drawing pictures and charts" in lines()


def test_reading_decoding_and_colouring_say_how_far_they_are(
    settings: Callable[..., Train],
    photographs: Path,
    checkpoint: Path,
    tmp_path: Path,
    lines: Callable[[], str],
) -> None:
    paths = sorted(photographs.rglob("*.png")) * 20
    names = [str(path) for path in paths]
    load_in_memory(Source(names, names, lambda name: read_photograph(Path(name), 256, 10**6), 256))
    assert re.search(r"reading photographs: \d+ of 400", lines())
    folder = settings("dataset=folder", f"dataset.root={photographs}")
    dataset = {"_target_": "colorization.data.folders.PhotographFolder", "root": str(photographs)}
    dataset |= {"name": "folder", "size": 256, "train": 10, "val": 5, "test": 5}
    dataset |= {"split_seed": 0, "max_pixels": 10**6}
    augmentation = {"_target_": "colorization.data.augmentation.Augmentation"}
    augmentation |= vars(folder.augmentation)
    ColorDataModule(dataset, augmentation, 2, 0, Cache(tmp_path / "cache", 0)).setup("fit")
    assert re.search(r"reading photographs: \d+ of 10\n", lines())
    colorize_album(
        str(photographs), str(tmp_path / "out"), model=str(checkpoint), workers=1, device="cpu"
    )
    assert re.search(r"colouring: \d+ of 20", lines())


class SlowServer(SimpleHTTPRequestHandler):
    def copyfile(self, source: object, outputfile: object) -> None:
        time.sleep(0.2)
        super().copyfile(source, outputfile)  # type: ignore[arg-type]

    def log_message(self, *words: object) -> None:
        pass


def test_a_download_says_how_far_it_is(tmp_path: Path, lines: Callable[[], str]) -> None:
    (tmp_path / "a.zip").write_bytes(bytes(3_000_000))
    server = HTTPServer(("127.0.0.1", 0), partial(SlowServer, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        fetch(f"http://127.0.0.1:{server.server_port}/a.zip", tmp_path / "b.zip")
    finally:
        server.shutdown()
        server.server_close()
    assert "fetching b.zip: 0 of 3,000,000" in lines()
