"""What a sweep's processes inherit: one thread each, as there is one process a core."""

import os
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

# Read by OpenMP (torch), MKL and OpenBLAS (numpy, scipy) when they are loaded.
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"


class OneThreadEach(Callback):
    """Before a launcher starts processes, sets their number of threads to 1.

    Hydra's own launcher starts none: its runs follow each other in this process and keep all
    cores. What the environment says already is left, and the key ``threads`` outranks both.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Set the variables, here, from where the processes have them."""
        if config.hydra.launcher._target_ != BASIC:
            for variable in VARIABLES:
                os.environ.setdefault(variable, "1")
