"""What a report makes of files that somebody hands in: damaged, foreign, of other photographs."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from colorization.errors import InputError
from colorization.settings.commands import Board
from colorization.sweeps.comparison import compare_runs
from colorization.sweeps.leaderboard import RECORD, Run, collect_standing, read_record
from colorization.sweeps.standings import format_tables
from tests.cli.test_commands import RESULTS
from tests.sweeps.test_leaderboard import result

DIGESTS = {"train": "a", "val": "b", "test": "c"}


def changed(found: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a place, or without it."""
    copy = json.loads(json.dumps(found))
    *path, last = where.split(".")
    inner = copy
    for name in path:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("where", "value", "reason"),
    [
        ("minutes", None, "minutes: field required"),
        ("minutes", "soon", "minutes: input should be a valid number"),
        ("minutes", math.nan, "minutes: input should be a finite number"),
        ("minutes", 10**400, "minutes: input should be a valid number"),
        ("best_epoch", 0.5, "best_epoch: input should be a valid integer"),
        ("test", ["x"], "test: input should be a valid dictionary"),
        ("test.network", None, "test: the network or every baseline is missing"),
        ("test.network.mse", "low", r"test\.network\.mse: input should be a valid number"),
        ("test.network.mse", math.inf, r"test\.network: mse is inf"),
        ("test.network.mse", None, r"test\.network: mse is missing or negative"),
        ("test.gray.psnr", math.nan, r"test\.gray: psnr is nan"),
        ("config.dataset", [], r"config\.dataset: input should be a valid dictionary"),
        ("environment", {}, r"environment\.accelerator: field required"),
        ("data", {"train": 1}, r"data\.train: input should be a valid string"),
    ],
)
def test_damaged_results_are_refused_with_file_and_cause(
    tmp_path: Path, where: str, value: Any, reason: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(changed(RESULTS, where, value)))
    with pytest.raises(InputError, match=rf"bad\.json cannot be read as results: {reason}; leave"):
        compare_runs([str(path)], tmp_path / "out.md")
    assert not (tmp_path / "out.md").exists()


@pytest.mark.parametrize(
    "content", [b'{"test": {', b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5000, b'"text"', b""]
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.json cannot be read as results: .*; leave it out"):
        compare_runs([str(path)], tmp_path / "out.md")
    with pytest.raises(InputError, match="cannot be read as results: Is a directory; leave"):
        compare_runs([str(tmp_path)], tmp_path / "out.md")


def test_runs_on_other_photographs_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    digests = {
        "first": DIGESTS,
        "other": DIGESTS | {"train": "x", "test": "y"},
        "same": DIGESTS,
        "unknown": {},
    }
    for index, (name, data) in enumerate(digests.items()):
        network = RESULTS["test"]["network"] | {"mse": 0.001 + index}
        test = {"gray": network | {"mse": 0.5 + index}, "network": network}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(RESULTS | {"test": test} | ({"data": data} if data else {})))
    text = compare_runs([str(tmp_path / "*.json")], tmp_path / "out.md")
    _, *sections = text.split("\n### ")
    same = "faces: 3 train, 2 val, 1 test photographs at 64 px"
    assert [section.splitlines()[0] for section in sections] == [
        same,
        f"{same}; other test, train photographs than above",
        f"{same}; no record of whether these are the photographs above",
    ]
    for section, runs, gray in zip(
        sections, (("first", "same"), ("other",), ("unknown",)), ("0.5", "1.5", "3.5"), strict=True
    ):
        assert [name for name in digests if f"**{name}**" in section] == list(runs)
        assert f"| gray | {gray}00000 |" in section


def test_runs_of_one_name_are_both_shown(tmp_path: Path) -> None:
    for place in ("a", "b"):
        path = tmp_path / place / "faces" / "run" / "results.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(RESULTS))
    text = compare_runs([str(tmp_path / "**" / "results.json")], tmp_path / "out.md")
    assert text.count("| **") == 2


def test_a_file_whose_name_is_a_pattern_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "runs [2024]" / "a|b](javascript:x)"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(RESULTS))
    text = compare_runs([str(folder / "results.json")], tmp_path / "out.md")
    assert r"| **runs [2024]/a&#124;b\](javascript:x)** |" in text


def test_a_leaderboard_names_runs_on_other_photographs() -> None:
    board = Board(dataset="faces", train=[200], experiments=["one", "two"])
    other = DIGESTS | {"train": "x"}
    outcomes = {
        Run("faces", 200, "one", 0): result(0.008),  # of a time that kept no digests
        Run("faces", 200, "one", 1): result(0.008) | {"data": DIGESTS},
        Run("faces", 200, "two", 0): result(0.002) | {"data": other},
        Run("faces", 200, "two", 1): result(0.006) | {"data": DIGESTS},
    }
    text = format_tables([collect_standing(board, 200, outcomes)])
    assert "| **one** | 2 | 0.008000 ± 0.000000 |" in text
    reason = (
        "it has other train photographs than the runs above; to train it again, delete its line in "
    )
    assert f"| **two** | 1 of 2, failed: {reason}{RECORD} | 0.006000 |" in text


def test_a_leaderboard_leaves_out_lines_that_it_cannot_show(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / RECORD
    run = Run("faces", 200, "one", 0)
    whole = result(0.01) | {"run": run._asdict()}
    for where, value, reason in (
        ("minutes", None, "minutes: field required"),
        ("parameters", "many", "parameters: input should be a valid integer"),
        ("test.mean.psnr", None, "test: mean has no psnr"),
        ("config.network", [], "config.network: input should be a valid dictionary"),
        ("config.network.encoder", {"name": "x"}, "config.network.encoder.weights: field req"),
        ("run.seed", None, "missing 1 required positional argument: 'seed'"),
    ):
        line = json.dumps(changed(whole, where, value))
        path.write_text(f"{line}\n{json.dumps(whole)}\n")
        assert read_record(path) == {run: whole}
        assert reason in caplog.text
        assert "that run is made anew" in caplog.text
        caplog.clear()
    path.write_text(json.dumps(whole)[:-1])
    assert read_record(path) == {}
    assert f"{path}, line 1" in caplog.text
