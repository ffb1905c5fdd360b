"""Preflight: the Hydra callback that stops a faulty run before anything is written."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from uniseq.config.compose import run_part
from uniseq.config.paths import make_folder
from uniseq.config.recipes import try_out
from uniseq.errors import UniseqError
from uniseq.startup import load_trainer


class Preflight(Callback):
    """Checks the composed config before Hydra makes the run's folder.

    Everything that does not depend on the data is built once and thrown away, so that an
    impossible combination is found too.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with status 1 and a line before a sweep that would lose its files."""
        self._refuse_chdir(config)

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with status 1 and one line a fault."""
        self._refuse_chdir(config)
        load_trainer()
        try:
            try_out(run_part(config))
            make_folder(Path(config.hydra.run.dir), "results_dir")
        except UniseqError as error:
            # Hydra swallows what a callback raises, except a request to exit.
            print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
            sys.exit(1)

    def _refuse_chdir(self, config: DictConfig) -> None:
        """Folders and files on the command line are those of where it was given."""
        if config.hydra.job.chdir:
            print(
                "error: hydra.job.chdir: must be false: results_dir, data_dir and ckpt_path would "
                "be looked for in the run's folder; leave it out",
                file=sys.stderr,
            )
            sys.exit(1)
