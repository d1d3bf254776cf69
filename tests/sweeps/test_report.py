"""What is told of a sweep, whatever its runs have come to."""

import json
import shutil
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from colorization.errors import InputError
from colorization.files.atomic import held
from colorization.sweeps.report import report_sweep
from colorization.sweeps.runs import read_runs, save_jobs


@pytest.fixture
def sweep(checkpoint: Path, tmp_path: Path) -> Path:
    """A sweep that was stopped on the way: one run of each kind, and a better one."""
    made = checkpoint.parent.parent
    rates = ["1e-3", "${two:1,${x}}", "[/1]", "3e-3", "1e-2", "1e-5"]
    jobs = {n: ["seed=0", f"optimizer.lr={rate}"] for n, rate in enumerate(rates)}
    save_jobs(jobs, tmp_path)
    for number in (0, 1, 3, 4):
        shutil.copytree(made, tmp_path / str(number))
    found = json.loads((made / "results.json").read_text())
    better = found | {"val": found["val"] | {"mse": found["val"]["mse"] / 2}}
    written = {1: better, 2: {"error": "too <large>"}}
    written[3] = {"pruned": "given up after epoch 1 of 9", "val": found["val"]}
    for number, outcome in written.items():
        (tmp_path / str(number)).mkdir(exist_ok=True)
        (tmp_path / str(number) / "results.json").write_text(json.dumps(outcome))
    (tmp_path / "4" / "results.json").unlink()
    return tmp_path


def test_runs_are_ranked_with_their_states(sweep: Path) -> None:
    runs = read_runs(sweep)
    assert [run.number for run in runs[:2]] == [1, 0]
    states = {run.number: run.state for run in runs}
    assert states == {
        0: "finished", 1: "finished", 2: "failed", 3: "given up", 4: "interrupted", 5: "waiting",
    }  # fmt: skip
    with held(sweep / "4"):
        assert {run.state for run in read_runs(sweep) if run.number == 4} == {"running"}
    scores = json.loads((sweep / "0" / "results.json").read_text())["val"]
    assert runs[1].curve == pytest.approx([scores["mse"]], rel=1e-6)


def test_a_half_finished_sweep_has_a_table_and_a_page(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_sweep(sweep)
    page, table = (sweep / "sweep.html").read_text(), (sweep / "sweep.md").read_text()
    counted = "6 runs: 2 finished, 1 given up, 1 failed, 1 interrupted, 1 waiting."
    assert counted in page
    assert counted in table
    assert "The best on validation photographs is run 1 (optimizer.lr=${two:1,${x}})" in table
    assert "<li>run 2: too &lt;large&gt;</li>" in page
    assert page.count("data:image/svg+xml") == 2
    assert "nearest neighbour" in page
    assert "://" not in page.replace("http://www.w3.org", "")
    rows = table.splitlines()[6:]
    assert [row.count("|") for row in rows] == [rows[0].count("|")] * len(rows)
    assert "run 2 failed: too <large>" in capsys.readouterr().out


def test_a_sweep_of_which_nothing_has_ended_is_told_too(tmp_path: Path) -> None:
    save_jobs({0: ["seed=0"], 1: ["seed=1"]}, tmp_path)
    report_sweep(tmp_path)
    assert "2 runs: 2 waiting." in (tmp_path / "sweep.md").read_text()
    assert "data:image/svg+xml" not in (tmp_path / "sweep.html").read_text()


def test_damaged_files_of_a_sweep_are_named_and_the_rest_is_told(
    sweep: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = json.loads((sweep / "0" / "results.json").read_text())
    for text, reason in (
        ('{"val": {', "Expecting property name"),
        ("[" * 100_000, "recursion"),
        ('[{"error": "x"}]', "it is no JSON object"),
        (json.dumps(found | {"best_epoch": "late"}), "best_epoch: input should be a valid integer"),
        (json.dumps(found | {"val": {"mse": float("nan")}}), "val: mse is nan"),
        (json.dumps(found | {"val": {"mse": 10**400}}), "val.mse: input should be a valid number"),
        (json.dumps({"pruned": 1, "val": found["val"]}), "pruned: input should be a valid string"),
        (json.dumps({"error": ["x"]}), "error: input should be a valid string"),
    ):
        (sweep / "0" / "results.json").write_text(text)
        caplog.clear()
        runs = {run.number: run for run in read_runs(sweep)}
        assert runs[0].state == "interrupted"
        assert runs[1].state == "finished"
        (message,) = (m for m in caplog.messages if "cannot be read" in m)
        assert f"{sweep}/0/results.json cannot be read as results: " in message
        assert reason in message
    report_sweep(sweep)
    assert "6 runs: 1 finished" in (sweep / "sweep.md").read_text()


def test_words_of_others_stay_text(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = "<script>alert(1)</script> | [x](javascript:alert(1))\n\x1b[31m [/b] $^$"
    (sweep / "2" / "results.json").write_text(json.dumps({"error": error}))
    jobs = {n: [f"$x^^$<s>=[/b]|`{n}", "seed=0", f"<u>_a={n}"] for n in range(6)}
    save_jobs(jobs, sweep)
    report_sweep(sweep)
    page, table = (sweep / "sweep.html").read_text(), (sweep / "sweep.md").read_text()
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(table)
    for text in (page, shown):
        assert not [tag for tag in ("<script", "<s>", "<u>", "<a ", "<code>") if tag in text]
    seen = error.replace("\n", "\\n").replace("\x1b", "\\x1b")
    assert seen in unescape(shown)
    assert error in unescape(page)
    assert seen in " ".join(capsys.readouterr().out.split())


def test_runs_on_other_photographs_are_not_compared_in_silence(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_sweep(sweep)
    assert "same photographs" not in (sweep / "sweep.md").read_text()
    path = sweep / "0" / "results.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"data": found["data"] | {"val": "of others"}}))
    report_sweep(sweep)
    page = (sweep / "sweep.html").read_text()
    sentence = "Not all are of the same photographs, so their errors cannot be compared."
    for text in (page, (sweep / "sweep.md").read_text()):
        assert sentence in text
    assert sentence in " ".join(capsys.readouterr().out.split())
    title = "synthetic: 4 train, 2 val, 2 test photographs at 16 px"
    assert f"<caption>{title}</caption>" in page
    assert f"<caption>{title}; other val photographs than above</caption>" in page


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x00" * 1000])
def test_damaged_curves_are_left_out(sweep: Path, content: bytes) -> None:
    for path in (sweep / "1").rglob("events.*"):
        path.write_bytes(content)
    for path in (sweep / "0").rglob("events.*"):
        path.write_bytes(path.read_bytes()[:-7])
    (sweep / "1" / "tensorboard").mkdir(parents=True, exist_ok=True)
    (sweep / "1" / "tensorboard" / "events.out.tfevents.1.x").write_bytes(content)
    report_sweep(sweep)
    assert next(run for run in read_runs(sweep) if run.number == 1).curve == []


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"jobs": [1]}', '{"jobs": {"x": []}}'])
def test_a_damaged_plan_is_named(sweep: Path, text: str) -> None:
    (sweep / "sweep.json").write_text(text)
    with pytest.raises(InputError, match=r"sweep\.json is damaged .*; delete it and repeat"):
        report_sweep(sweep)
