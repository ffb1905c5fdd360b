"""The check before anything is written: a Hydra callback that stops a faulty run."""

import os
import sys
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from uniseq.config.check import build, check_config
from uniseq.errors import ConfigError, UniseqError
from uniseq.startup import load_trainer


class Preflight(Callback):
    """Checks the composed config before Hydra makes the run's folder.

    Everything that does not depend on the data is built once and thrown away, so that an
    impossible combination is found too.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with status 1 and one line a fault."""
        load_trainer()
        HydraConfig.instance().set_config(config)
        run = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        try:
            try_out(run)
            make_folder(Path(config.hydra.run.dir), "results_dir")
        except UniseqError as error:
            # Hydra swallows what a callback raises, except a request to exit.
            print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
            sys.exit(1)


def make_folder(folder: Path, key: str) -> Path:
    """Make the folder that a key names, and give it.

    Raises:
        ConfigError: when it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise ConfigError(
            key, f"{folder} cannot be made: {error.strerror}; name another"
        ) from error
    if not writable:
        raise ConfigError(key, f"{folder} cannot be written to; name another")
    return folder


def try_out(run: DictConfig) -> dict[str, Any]:
    """The resolved config, once it is sound and each component could be built from it.

    Raises:
        UniseqError: one line a fault.
    """
    plain = check_config(run)
    for group in ("backbone", "similarity", "loss", "dataset", "sphere"):
        if run[group] is not None:
            build(run[group])
    _try_optimizer(run)
    return plain


def _try_optimizer(run: DictConfig) -> None:
    """Let the optimizer refuse its settings now, not after the data are loaded."""
    from torch import nn, zeros

    try:
        build(run.optimizer)([nn.Parameter(zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError("optimizer", str(error)) from error
