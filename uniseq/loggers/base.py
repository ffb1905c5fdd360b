"""Logger protocols: what a logger may offer beyond Lightning's interface."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Resumes(Protocol):
    """A logger that goes on with the log of an interrupted run, as ours for CSV and W&B do."""

    def resume(self, step: int) -> None:
        """Keep what was logged before that training step."""


@runtime_checkable
class DrawsHistograms(Protocol):
    """A logger that takes histograms too, as :class:`uniseq.loggers.wandb.WandbLogger` does."""

    def log_histogram(
        self, name: str, low: float, high: float, counts: list[int], epoch: int
    ) -> None:
        """Log a histogram whose bins, from ``low`` to ``high``, are equally wide."""
