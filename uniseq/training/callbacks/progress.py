"""Progress of a run, which a callback writes down from epoch to epoch."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from uniseq.records.folders import write_progress
from uniseq.training.callbacks.early_stopping import Stopping
from uniseq.training.callbacks.epoch_log import EpochLog


class Progress(Callback):
    """Writes ``progress.json`` into the run's folder when training starts and after each epoch.

    Args:
        folder: of the run.
        sphere: what it measures, as in its config.
    """

    def __init__(self, folder: Path, sphere: Any = None) -> None:
        self.folder = folder
        self.sphere = sphere

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that the run has begun, or goes on."""
        self._write(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what the epoch gave."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        log = EpochLog.of(trainer)
        watched = next(c for c in trainer.callbacks if isinstance(c, Stopping)).monitor  # type: ignore[attr-defined]
        figures = {int(e["epoch"]): e[watched] for e in log.epochs if watched in e}
        seconds = [sum(parts.values()) for parts in log.seconds]
        write_progress(
            self.folder,
            {
                "epochs": len(log.epochs),
                "max_epochs": trainer.max_epochs,
                "watched": watched,
                "best": max(figures.values(), default=None),
                "best_epoch": max(figures, key=lambda epoch: figures[epoch], default=None),
                "seconds_an_epoch": sum(seconds[-5:]) / len(seconds[-5:]) if seconds else None,
                "sphere": self.sphere,
                "host": socket.gethostname(),
                "process": os.getpid(),
                "written": time.time(),
            },
        )
