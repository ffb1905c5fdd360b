"""CSV logger: one file through interruptions too."""

import csv
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger as LightningCSVLogger
from lightning.pytorch.utilities import rank_zero_only


class CSVLogger(LightningCSVLogger):
    """Lightning's logger, which begins ``metrics.csv`` anew each time, and can go on with it too.

    Takes the same arguments.
    """

    @rank_zero_only
    def resume(self, step: int) -> None:
        """Keep the rows of an interrupted run.

        Args:
            step: training steps in the checkpoint that the run goes on from; rows from there on
                are logged again.
        """
        path = Path(self.log_dir, "metrics.csv")
        if not path.exists():
            return
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["step"]) < step]
        self.experiment.metrics = rows
        self.save()
