"""A sweeper, where Hydra looks for it; what it does is in src/sweeps/."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class GridOrSearch(BasicSweeper):
    """Sweeps by the settings of conf/hydra/sweeper, which it and the runs read from the config."""

    def __init__(self, trials: int | None, **settings: Any) -> None:
        super().__init__(max_batch_size=None)
        self.trials = trials

    def sweep(self, arguments: list[str]) -> None:
        from src.sweeps.launch import sweep_of

        if self.trials is None:
            from src.sweeps.grid import run_grid

            run_grid(sweep_of(self), arguments)
        else:
            from src.sweeps.search import run_search

            run_search(sweep_of(self), arguments)
