"""The end of ``python -m src.train -m ...``: one table of all runs."""

import json
from pathlib import Path
from typing import Any

import hydra.experimental.callback
from omegaconf import DictConfig, OmegaConf
from rich import box, get_console
from rich.table import Table

from src.files import write_text
from src.results import error_removed, markdown

COLUMNS = ("run", "settings", "val MSE", "test MSE", "error removed", "images/s")


class SweepTable(hydra.experimental.callback.Callback):
    """Shows a sweep's runs, best validation score first and failed ones last, as ``sweep.md`` too.

    The command fails if a run did.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.sweep.dir)
        runs = sorted(read_runs(folder), key=lambda run: run["val"]["mse"])
        common = set.intersection(*(set(run["settings"]) for run in runs)) if runs else set()
        rows = [cells(run, common) for run in runs]
        table = Table(*COLUMNS, title=f"sweep {folder}", box=box.SIMPLE)
        for row in rows:
            table.add_row(*row)
        get_console().print(table)
        write_text(markdown(COLUMNS, rows), folder / "sweep.md")
        if failed := sum("error" in run for run in runs):
            raise SystemExit(f"{failed} of {len(runs)} runs failed")


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The results of a sweep's runs, with the run's name and the settings it was given."""
    runs = []
    for path in folder.glob("*/results.json"):
        overrides = OmegaConf.load(path.parent / "config" / "overrides.yaml")
        run = {"val": {"mse": float("inf")}, **json.loads(path.read_text())}
        runs.append(run | {"run": path.parent.name, "settings": [str(word) for word in overrides]})
    return runs


def cells(run: dict[str, Any], common: set[str]) -> list[str]:
    """A run as a row of the table, with the settings that not all runs have."""
    settings = " ".join(word for word in run["settings"] if word not in common)
    if "error" in run:
        return [run["run"], settings, f"failed: {run['error']}", "", "", ""]
    return [
        run["run"],
        settings,
        f"{run['val']['mse']:.6f}",
        f"{run['test']['network']['mse']:.6f}",
        f"{error_removed(run):.1%}",
        f"{run['images_per_second']:.0f}",
    ]
