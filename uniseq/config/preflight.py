"""The check before anything is written: a Hydra callback that stops a faulty run."""

import sys
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from uniseq.config.check import build, check_config
from uniseq.errors import UniseqError


class Preflight(Callback):
    """Checks the composed config before Hydra makes the run's folder.

    Everything that does not depend on the data is built once and thrown away, so that an
    impossible combination is found too.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with status 1 and one line a fault."""
        HydraConfig.instance().set_config(config)
        run = OmegaConf.create(OmegaConf.to_container(config))
        with open_dict(run):
            run.pop("hydra", None)
        try:
            check_config(run)
            for group in ("backbone", "similarity", "loss", "dataset"):
                build(run[group])
        except UniseqError as error:
            # Hydra swallows what a callback raises, except a request to exit.
            print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
            sys.exit(1)
