"""Processes of a sweep: one thread each, and none outlives the one that started it."""

import functools
import os
import threading
import time
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

# Read by OpenMP (torch), MKL and OpenBLAS (numpy, scipy) when they are loaded.
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
EVERY_S = 2.0


def starts_processes(launcher: DictConfig) -> bool:
    """Whether a launcher, by its config, starts processes; Hydra's own, ``basic``, does not."""
    return str(launcher._target_).rpartition(".")[2] != "BasicLauncher"


class OneThreadEach(Callback):
    """Before a launcher starts processes, sets their number of threads to 1.

    There is one process a core. Hydra's own launcher starts none: its runs follow each other in
    this process and keep all cores. What the environment says already is left, and the key
    ``threads`` outranks both.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Set the variables, here, from where the processes have them."""
        if starts_processes(config.hydra.launcher):
            for variable in VARIABLES:
                os.environ.setdefault(variable, "1")


@functools.cache
def end_with_parent() -> None:
    """End this process, once, when its parent is gone: it gives back its core and its memory.

    A worker of a sweep that was killed would otherwise train its run to the end, and then wait for
    another one for ever. The run is resumed by the next sweep.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
