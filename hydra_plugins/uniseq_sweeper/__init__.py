"""Where Hydra looks for the sweeper of ``hydra/sweeper=grid``."""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


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

        return sweep(arguments, self.config, self.hydra_context, self.task_function, **self.options)
