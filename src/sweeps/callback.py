"""The end of a sweep."""

from pathlib import Path
from typing import Any

import hydra.experimental.callback
from omegaconf import DictConfig


class SweepReport(hydra.experimental.callback.Callback):
    """Reports on a sweep when it ends; the command fails if a run did."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from src.sweeps.report import report

        runs = report(Path(config.hydra.sweep.dir)).runs
        if failed := sum(run.state == "failed" for run in runs):
            raise SystemExit(f"{failed} of {len(runs)} runs failed")
