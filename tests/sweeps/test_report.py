"""What is told of a sweep, whatever its runs have come to."""

import json
import shutil
from pathlib import Path

import pytest

from src.files import held
from src.sweeps.folder import save_jobs
from src.sweeps.report import report
from src.sweeps.runs import read_runs


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
    report(sweep)
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
    report(tmp_path)
    assert "2 runs: 2 waiting." in (tmp_path / "sweep.md").read_text()
    assert "data:image/svg+xml" not in (tmp_path / "sweep.html").read_text()
