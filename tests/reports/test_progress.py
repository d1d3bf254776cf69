"""Long work says how far it is in a log that is no terminal, however long one step takes."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from itertools import pairwise
from pathlib import Path

import pytest

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
    assert {message for _, message in told} == {"work: 0 of 2", "work: 1 of 2"}
    times = [start, *(when for when, _ in told), end]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert max(apart) < 0.4, "a step of 0.55 s is told of while it lasts"
    time.sleep(0.25)
    assert len(caplog.records) == len(told), "nothing is told of what is over"


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
    assert re.search(r"epoch 1 of 2, step \d+ of 20\n", found)
    assert re.search(r"epoch 2 of 2, step \d+ of 20; before: train \d\.\d+  val ", found)
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
