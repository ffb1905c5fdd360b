"""Sweepers as Hydra finds them: ``hydra/sweeper=grid`` and ``hydra/sweeper=optuna``."""

from importlib.util import find_spec
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from uniseq.errors import UniseqError
from uniseq.startup import load_trainer


class GridSweeper(Sweeper):
    """See :mod:`uniseq.sweep.grid`, which is loaded only when a sweep starts."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra hands over."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run all that the command line asks for."""
        request = self.request(arguments)
        from uniseq.sweep.grid import sweep

        return sweep(request)

    def request(self, arguments: list[str], *settings: str) -> Any:
        """What is asked for, and the trainer loaded, before anything else loads all of Lightning.

        Args:
            arguments: the command line.
            settings: the keys that this sweeper has besides those of every one.

        Raises:
            ConfigError: on a key of the sweeper that does not fit.
        """
        from uniseq.sweep.request import sweep_request

        request = sweep_request(
            arguments, self.config, self.hydra_context, self.task_function, self.options, settings
        )
        load_trainer()
        return request


class OptunaSweeper(GridSweeper):
    """See :mod:`uniseq.sweep.search.sweeper`, which is loaded only when a sweep starts."""

    def sweep(self, arguments: list[str]) -> Any:
        """Search within what the command line leaves open."""
        if find_spec("optuna") is None:
            raise UniseqError("hydra/sweeper=optuna needs Optuna: pip install 'uniseq-rec[optuna]'")
        from uniseq.sweep.search.plan import MINIMA

        request = self.request(arguments, *MINIMA)
        from uniseq.sweep.search.sweeper import sweep

        return sweep(request)
