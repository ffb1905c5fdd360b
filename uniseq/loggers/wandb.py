"""W&B logger: epochs as the axis of its charts, histograms, one run through interruptions."""

import inspect
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger

from uniseq.errors import ConfigError
from uniseq.loggers.guard import report


class WandbLogger(LightningWandbLogger):
    """Lightning's logger, whose axis is the step, with the epoch instead and with histograms.

    Takes the same arguments.
    """

    @property
    def experiment(self) -> Any:
        """The W&B run, begun when it is first asked for."""
        if self._experiment is None:
            begun = super().experiment
            begun.define_metric("epoch")
            begun.define_metric("*", step_metric="epoch")
        return super().experiment

    def resume(self, step: int) -> None:
        """Log to the W&B run that an interrupted run began in its folder.

        Args:
            step: unused, as W&B counts rows of its own.
        """
        folders = Path(self._wandb_init["dir"], "wandb").glob("*run-????????_??????-*")
        begun = sorted(folder.name.removeprefix("offline-") for folder in folders)
        if begun:
            self._id = self._wandb_init["id"] = begun[-1].split("-", 2)[2]

    def log_histogram(
        self, name: str, low: float, high: float, counts: list[int], epoch: int
    ) -> None:
        """Log a histogram whose bins are equally wide, once for each way W&B has to show it.

        ``name/histogram`` is what W&B draws by epoch on a run's own page, and there alone;
        ``name/table`` holds its ``density`` at the middle of each bin, under the last part of
        ``name``, for charts that lay several runs over each other.

        Args:
            name: a path, such as ``sphere/items/cosine``.
            low: where the first bin begins.
            high: where the last bin ends.
            counts: of each bin, at most 512 of them.
            epoch: when it was measured.
        """
        import wandb

        edges = np.linspace(low, high, len(counts) + 1)
        middles = (edges[:-1] + edges[1:]) / 2
        density = np.array(counts) / (sum(counts) * np.diff(edges))
        columns: list[str | int] = [name.rpartition("/")[2], "density"]
        rows = np.stack([middles, density], 1).tolist()
        self.experiment.log(
            {
                f"{name}/histogram": wandb.Histogram(np_histogram=(np.array(counts), edges)),
                f"{name}/table": wandb.Table(columns=columns, data=rows),
                "epoch": epoch,
            }
        )


def end_run(failed: bool) -> None:
    """End the W&B run, if there is one, so that the next run of a sweep gets its own."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        try:
            wandb.finish(exit_code=int(failed))
        except Exception as error:  # its service is gone, say; the record is written by now
            report("WandbLogger", error)


def require_account(offline: bool = False) -> None:
    """Raise unless W&B is installed and, online, has an account to log to.

    Args:
        offline: whether the run is kept on the disk, which needs no account.

    Raises:
        ConfigError: named within the logger.
    """
    if find_spec("wandb") is None:
        raise ConfigError("_target_", "needs W&B: pip install 'uniseq-rec[wandb]'")
    if offline or os.environ.get("WANDB_MODE", "online") not in ("online", "run"):
        return
    import wandb

    if "prompt" not in inspect.signature(wandb.login).parameters:
        return  # a former release would ask at the terminal
    try:
        known = wandb.login(prompt=False, verify=False)
    except Exception as error:  # a key of the wrong form
        raise ConfigError("offline", f"W&B refuses its key: {_first_line(error)}") from error
    if not known:
        raise ConfigError(
            "offline",
            "false needs an account: log in with `wandb login`, set WANDB_API_KEY, or leave it "
            "true and upload later with `wandb sync`",
        )


def ignore_run_id() -> None:
    """In a sweep leave out ``WANDB_RUN_ID``, which would make all its runs one, and say so."""
    if os.environ.pop("WANDB_RUN_ID", None):
        print(
            "WANDB_RUN_ID is left out: each run of a sweep has a W&B run of its own",
            file=sys.stderr,
        )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
