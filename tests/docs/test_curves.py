"""The chart of the paper's runs, out of the points that its results file has."""

from pathlib import Path

import pytest

from benchmarks.paper import draw, group
from colorization.settings.installation import CONF
from docs.curves import read_points

POINTS = CONF.parent / "results" / "paper_ends.csv"


def test_every_point_is_drawn() -> None:
    runs = read_points(POINTS)
    lines = POINTS.read_text().splitlines()[1:]
    assert sum(len(run.curves["val/mse"]) for run in runs) == len(lines)
    panels = draw(group(runs)).axes
    names = ["dogs, relu", "dogs, tanh", "faces, relu", "faces, tanh"]
    assert [panel.get_title() for panel in panels] == names
    drawn = {(x, y) for line in panels[1].lines for x, y in zip(*line.get_data(), strict=True)}
    for line in lines:
        dataset, activation, _, epoch, training, validation, _ = line.split(",")
        if (dataset, activation) == ("dogs", "tanh"):
            assert {(int(epoch), float(training)), (int(epoch), float(validation))} <= drawn


def test_the_best_epoch_is_that_of_the_least_validation_error(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(
        "dataset,activation,seed,epoch,train_mse,val_mse,val_psnr\n"
        "dogs,tanh,0,10,0.3,0.03,20\ndogs,tanh,0,20,0.2,0.02,20\ndogs,tanh,0,30,0.1,0.04,20\n"
    )
    (run,) = read_points(path)
    assert run.results["best_epoch"] == 20
    assert run.curves["train/loss"] == pytest.approx({10: 0.3, 20: 0.2, 30: 0.1})
