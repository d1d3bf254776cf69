"""Make docs/pictures/paper_ends.svg of results/paper_ends.csv: the paper's runs, to the end.

python -m docs.curves
"""

import csv
from itertools import groupby
from pathlib import Path

from benchmarks.paper import Run, draw, group
from colorization.files.atomic import replacing

NAMES = {"train/loss": "train_mse", "val/mse": "val_mse"}


def read_points(path: Path) -> list[Run]:
    """Read the runs of a file with a line for each point of their curves."""
    with path.open() as file:
        points = list(csv.DictReader(file))
    runs = []
    for kind, found in groupby(points, key=lambda point: [*point.values()][:3]):
        rows = list(found)
        curves = {n: {int(row["epoch"]): float(row[c]) for row in rows} for n, c in NAMES.items()}
        validation = curves["val/mse"]
        dataset, activation, seed = kind
        results = {
            "dataset": dataset,
            "seed": int(seed),
            "config": {"network": {"activation": activation}},
            "best_epoch": min(validation, key=lambda epoch: validation[epoch]),
        }
        runs.append(Run(results, curves))
    return runs


if __name__ == "__main__":
    kinds = group(read_points(Path("results", "paper_ends.csv")))
    with replacing(Path("docs", "pictures", "paper_ends.svg")) as beside:
        draw(kinds).savefig(beside, format="svg", metadata={"Date": None})
