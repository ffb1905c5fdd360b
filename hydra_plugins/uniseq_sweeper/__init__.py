"""Where Hydra looks for the sweepers of ``hydra/sweeper=grid`` and ``hydra/sweeper=optuna``."""

from importlib.util import find_spec
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from uniseq.errors import UniseqError


class GridSweeper(Sweeper):
    """See :class:`uniseq.sweep.grid.Grid`, which is loaded only when a sweep starts."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra hands over."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run all that the command line asks for."""
        from uniseq.sweep.grid import sweep
        from uniseq.sweep.launch import check_options

        check_options(self.options)
        return sweep(arguments, self.config, self.hydra_context, self.task_function, **self.options)


class OptunaSweeper(GridSweeper):
    """See :mod:`uniseq.sweep.search.sweeper`, which is loaded only when a sweep starts."""

    def sweep(self, arguments: list[str]) -> Any:
        """Search within what the command line leaves open."""
        if find_spec("optuna") is None:
            raise UniseqError("hydra/sweeper=optuna needs Optuna: pip install 'uniseq-rec[optuna]'")
        from uniseq.sweep.launch import check_options
        from uniseq.sweep.search.plan import LEAST
        from uniseq.sweep.search.sweeper import sweep

        check_options(self.options, LEAST)
        return sweep(arguments, self.config, self.hydra_context, self.task_function, **self.options)
