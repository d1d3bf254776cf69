"""A sweeper, where Hydra looks for it; what it does is in src/sweeps/."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class GridOrSearch(BasicSweeper):
    """Sweeps by the settings of conf/hydra/sweeper, which it and the runs read from the config."""

    def __init__(self, trials: int | None, **settings: Any) -> None:
        super().__init__(max_batch_size=None)
        self.trials = trials

    def sweep(self, arguments: list[str]) -> None:
        """Make the runs, then report on them; the command fails if a run did."""
        from colorization.errors import InputError
        from colorization.sweeps.launch import open_sweep, run_grid
        from colorization.sweeps.report import report_sweep

        sweep = open_sweep(self)
        if self.trials is None:
            run_grid(sweep, arguments)
        else:
            try:
                from colorization.sweeps.search import run_search
            except ImportError as error:
                raise InputError(
                    f"a search needs {error.name}: pip install -e '.[search]'"
                ) from error
            run_search(sweep, arguments)
        runs = report_sweep(sweep.folder).runs
        if failed := sum(run.state == "failed" for run in runs):
            raise SystemExit(f"{failed} of {len(runs)} runs failed")
