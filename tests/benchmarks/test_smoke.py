"""Every benchmark, in a size of a few seconds: they run, and their tables are whole."""

import importlib.util
import json
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import benchmarks
from benchmarks import (
    colorize,
    data_loading,
    frontier,
    hint,
    imagenet,
    paper,
    time_to_quality,
    toned,
    training_step,
)
from colorization.color import lab_to_rgb, to_uint8
from colorization.data.synthetic import SyntheticScenes
from colorization.errors import InputError
from colorization.settings.commands import Train
from colorization.training.run import train
from tests.conftest import SMALL
from tests.support.command_line import PREPARED

NUMBER = r"[\d,]+(\.\d+)?"
TESTED = (
    colorize,
    data_loading,
    frontier,
    hint,
    imagenet,
    paper,
    time_to_quality,
    toned,
    training_step,
)


def rows_of(text: str) -> list[list[str]]:
    """The cells of all tables in Markdown, without their headers."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    starts = [index + 1 for index, line in enumerate(lines) if line.startswith("| ---")]
    headers = {index for start in starts for index in (start - 1, start - 2)}
    cells = [line.strip("| ").split(" | ") for line in lines]
    return [row for index, row in enumerate(cells) if index not in headers]


def are_numbers(cells: list[str]) -> bool:
    return all(re.fullmatch(NUMBER, cell) for cell in cells)


def test_every_benchmark_is_tested() -> None:
    (folder,) = benchmarks.__path__
    names = {f"benchmarks.{path.stem}" for path in Path(folder).glob("[!_]*.py")}
    assert names == {module.__name__ for module in TESTED}


def test_training_steps_are_measured_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_step, "FRESH", PREPARED)
    shape = training_step.Shape(2, 16)
    found = training_step.measure(shape, 1)
    rows = {row[0]: row[1:] for row in rows_of(training_step.report(found, shape, 1))}
    assert list(rows) == list(training_step.WAYS)
    if importlib.util.find_spec("keras") is None:
        for precision in ("float32", "bfloat16"):
            failed = rows.pop(f"Keras on TensorFlow, {precision}")
            assert failed == ["failed: keras is not installed", "-", "-"]
    for name, cells in rows.items():
        assert are_numbers(cells), f"{name}: {cells}"


def raising(gate: training_step.Gate, shape: training_step.Shape) -> None:
    gate()
    raise ValueError(f"shapes differ: {shape.size}\nand more")


def dying(gate: training_step.Gate, shape: training_step.Shape) -> None:
    gate()
    raise SystemExit(3)


def steady(gate: training_step.Gate, shape: training_step.Shape) -> None:
    while True:
        gate()


def test_a_way_that_fails_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"ours, under Lightning": raising, "dying": dying, "steady": steady}
    monkeypatch.setattr(training_step, "FRESH", PREPARED)
    monkeypatch.setattr(training_step, "WAYS", ways)
    shape = training_step.Shape(2, 16)
    rows = rows_of(training_step.report(training_step.measure(shape, 1), shape, 1))
    assert rows[0] == ["ours, under Lightning", "failed: ValueError: shapes differ: 16", "-", "-"]
    assert rows[1] == ["dying", "failed: SystemExit: 3", "-", "-"]
    assert rows[2][0] == "steady"
    assert are_numbers(rows[2][1:3])


def test_colouring_is_measured(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colorize, "SIZES", {"small": (32, 24)})
    monkeypatch.setattr(colorize, "FOLDER_SIZE", (24, 32))
    monkeypatch.setattr(colorize, "FOLDER_ROUNDS", 1)
    rows = rows_of(colorize.measure(str(checkpoint), rounds=1, count=2))
    assert [row[0] for row in rows] == 2 * ["eager float32", "default", "onnxruntime"]
    assert all(are_numbers(row[1:]) for row in rows)


def test_toned_pictures_are_told_from_coloured_ones(tmp_path: Path) -> None:
    scenes = SyntheticScenes("scenes", 128, 1, 1, 30, seed=0)
    for index in range(30):
        L, ab, _ = scenes.scene("test", index)
        rgb = to_uint8(lab_to_rgb(L, ab))[0].permute(1, 2, 0).numpy()
        Image.fromarray(rgb).save(tmp_path / f"{index}.jpg", quality=90)
    rows = {row[1]: row[2:] for row in rows_of(toned.measure([tmp_path], 30))}
    assert rows["as they are"] == ["30", "100.0%"]
    assert rows["all gray and toned"] == ["30", "0.0%"]


def test_hints_are_measured(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SIZES": (16,), "COUNTS": (1, 3), "TALL": 24, "WIDE": 32}.items():
        monkeypatch.setattr(hint, name, value)
    ((size, *seconds),) = rows_of(hint.measure(str(checkpoint), rounds=1))
    assert size == "16 px"
    assert len(seconds) == 2
    assert are_numbers(seconds)


def test_time_to_quality_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_to_quality, "FRESH", PREPARED)
    rows = rows_of(time_to_quality.measure(["dataset=synthetic", *SMALL], limit=1))
    assert [len(row) for row in rows] == [4, 4]
    assert rows[0][0] == "0.0014189, the paper's figure"
    small = ["dataset=synthetic", *SMALL]
    text = time_to_quality.compare_with_best(small, "ladder/flips", ["ladder/adamw"], [3], 1)
    assert [row[0] for row in rows_of(text)] == ["3"]


def test_the_paper_s_runs_are_drawn_and_tabulated(
    settings: Callable[..., Train], checkpoint: Path, tmp_path: Path
) -> None:
    for activation, seed in (("tanh", 0), ("tanh", 1), ("relu", 0)):
        words = ["experiment=paper_faces", f"network.activation={activation}", f"seed={seed}"]
        kept = [*words, "dataset=synthetic", *SMALL, "trainer.max_epochs=2"]
        train(settings(*kept), tmp_path / f"{activation}_{seed}")
    runs = [paper.read_run(folder) for folder in sorted(tmp_path.iterdir())]
    kinds = paper.group(runs)
    rows = rows_of(paper.tabulate(kinds))
    assert [row[0].split(": ")[1] for row in rows[2:]] == ["relu", "tanh"]
    assert [row[1:3] for row in rows[2:]] == [["1", "2"], ["2", "2, 2"]]
    panels = paper.draw(kinds).axes
    assert [panel.get_title() for panel in panels] == ["synthetic, relu", "synthetic, tanh"]
    drawn = {tuple(line.get_ydata()) for line in panels[0].lines}
    assert tuple(runs[0].curves["val/mse"].values()) in drawn
    later = [run.curves[name][2] for run in runs[:1] for name in ("train/loss", "val/mse")]
    assert panels[0].get_ylim()[1] >= max(later)
    paper.keep_runs(runs, tmp_path / "runs.jsonl")
    again = paper.group(paper.read_runs(tmp_path / "runs.jsonl"))
    assert paper.tabulate(again) == paper.tabulate(kinds)
    assert [run.curves for found in again.values() for run in found] == [r.curves for r in runs]
    with pytest.raises(InputError, match="seed 0 of synthetic, relu comes twice"):
        paper.group([*runs, runs[0]])
    lines = (tmp_path / "runs.jsonl").read_text()
    assert "root" not in lines, "a folder of this machine"
    for text, what in (
        ("", "is empty"),
        (lines.replace('"seed"', '"need"'), "is not a file that --keep"),
        (lines.replace('"mse"', '"mes"'), "is not a file that --keep"),
        ('{"results": null}', "is not a file that --keep"),
    ):
        (tmp_path / "wrong.jsonl").write_text(text)
        with pytest.raises(InputError, match=what):
            paper.read_runs(tmp_path / "wrong.jsonl")
    with pytest.raises(InputError, match=r"results\.json is not a file that --keep wrote"):
        paper.read_runs(tmp_path / "relu_0" / "results.json")
    with pytest.raises(InputError, match="is no run that has ended"):
        paper.read_runs(tmp_path)
    with pytest.raises(InputError, match="no test errors by epoch; train with trainer"):
        paper.read_run(checkpoint.parents[1])


def test_loading_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    for index in range(4):
        pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    monkeypatch.setattr(data_loading, "FRESH", PREPARED)
    rows = rows_of(data_loading.measure_all(tmp_path, 64))
    ways = [row for row in rows if row[0] in data_loading.WAYS]
    assert [row[0] for row in ways] == list(data_loading.WAYS)
    assert all(are_numbers([cell for cell in row[1:] if cell != "-"]) for row in ways)
    assert len(rows) > len(ways), "the estimate for ImageNet"


def test_the_start_of_trainings_is_measured_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    for index in range(4):
        pixels = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    monkeypatch.setattr(data_loading, "FRESH", PREPARED)
    words = ("network=unet", "network.width=8", "data.batch_size=2", "dataset.size=16")
    found = data_loading.measure_scale(tmp_path, [20], words, steps=2)
    rows = rows_of(data_loading.report_scale(found))
    assert [row[:2] for row in rows] == [["20", way] for way in data_loading.KEPT]
    assert all(are_numbers(row[2:]) for row in rows)
    data_loading.draw_scale(found, tmp_path / "scale.svg")
    assert "<svg" in (tmp_path / "scale.svg").read_text()


def test_no_two_photographs_of_a_scale_are_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    (tmp_path / "source").mkdir()
    Image.fromarray(pixels).save(tmp_path / "source" / "0.png")
    monkeypatch.setattr(data_loading, "DISTINCT", 3)
    data_loading.make_moved(tmp_path / "source", tmp_path / "made", 10)
    images = [Image.open(path) for path in (tmp_path / "made").glob("*.jpg")]
    assert {image.size for image in images} == {(256, 256)}
    assert len({image.tobytes() for image in images}) == 10


def test_a_frontier_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gray gains nothing, colours that are twice as strong are more colourful, kinds are apart."""
    scenes = SyntheticScenes("synthetic", 48, 1, 1, 4, 0)
    for index, name in enumerate(scenes.names("test")):
        folder = tmp_path / "photographs" / ("near", "far")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        rgb = scenes.read(name, None).permute(1, 2, 0).numpy()
        Image.fromarray(rgb).save(folder / f"{index}.png")
    words = ["default", "--dataset", "folder", "--root", str(tmp_path / "photographs")]
    output, picture = tmp_path / "frontier.jsonl", tmp_path / "frontier.svg"
    chosen = ["--split", "all", "--output", str(output), "--picture", str(picture)]
    for more, message in [
        (["default"], "error: two models have the same name; rename"),
        (["--count", "0"], "error: --count is 0; it must be at least 1"),
        (["--kinds", "--picture", "a.svg"], "error: --kinds has no picture"),
    ]:
        monkeypatch.setattr("sys.argv", ["frontier", *more, *words])
        with pytest.raises(SystemExit):
            frontier.main()
        assert capsys.readouterr().err.startswith(message)
    monkeypatch.setattr("sys.argv", ["frontier", *words, *chosen])
    frontier.main()
    about, *rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert about["command"].startswith("python -m benchmarks.frontier default --dataset folder")
    found = {row["row"]: row for row in rows}
    assert found["gray"]["gain"] == 0
    assert found["gray"]["photographs"] == 4
    start = "default, temperature 0.5, saturation "
    strengths = [found[f"{start}{value:g}"]["colorfulness"] for value in (0.5, 1, 2)]
    assert strengths == sorted(strengths)
    assert strengths[2] > 1.5 * strengths[0]
    assert "<svg" in picture.read_text()
    kinds = frontier.measure(
        Namespace(
            models=["default"],
            dataset="folder",
            root=str(tmp_path / "photographs"),
            split="all",
            count=100,
            kinds=True,
            tables=0,
            data_dir=tmp_path,
            output=None,
            picture=None,
        )
    )
    assert {row["row"]: row["photographs"] for row in kinds}["near: gray"] == 2
