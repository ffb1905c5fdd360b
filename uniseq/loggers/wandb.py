"""W&B logger: epochs as the axis of its charts, histograms, one run through interruptions."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger


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
        wandb.finish(exit_code=int(failed))
