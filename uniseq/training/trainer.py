"""Trainer of a run: callbacks in their order, loggers, and the checkpoints."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar, Timer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch.utils.data import DataLoader

from uniseq.batch import RankingBatch
from uniseq.loggers.base import Resumes
from uniseq.loggers.tensorboard import one_curve
from uniseq.training.callbacks.checkpoints import (
    AtomicCheckpointIO,
    BestCheckpoint,
    LastCheckpoint,
    steps_of,
)
from uniseq.training.callbacks.early_stopping import Stopping
from uniseq.training.callbacks.memory_trim import HostMemoryTrim
from uniseq.training.moments import moment_faults
from uniseq.training.nodes import make
from uniseq.training.parts import Recipe

# Drawn anew at each step the bar takes a sixth of an epoch on Beauty.
BAR_STEPS = 20


@dataclass(frozen=True, slots=True)
class Fit:
    """A trainer, and the callbacks that say what came of it."""

    trainer: Trainer
    stopping: Stopping
    best: BestCheckpoint

    @property
    def capped(self) -> bool:
        """Whether something else than early stopping ended training."""
        return not self.stopping.asked

    @property
    def stopped(self) -> str:
        """Why training ended, in words."""
        if self.stopping.asked:
            return f"no better {self.stopping.monitor} for {self.stopping.epochs} epochs"
        if not self.trainer.should_stop:
            return f"cap of {self.trainer.max_epochs} epochs reached"
        timers = [each for each in self.trainer.callbacks if isinstance(each, Timer)]  # type: ignore[attr-defined]
        if any((timer.time_remaining() or 1.0) <= 0 for timer in timers):
            return "max_time reached"
        return "ended by a callback"


def make_fit(recipe: Recipe, folder: Path, start: Path | None, kept: Sequence[Callback]) -> Fit:
    """The trainer with the callbacks ``kept``, one's own, early stopping and the checkpoints.

    Args:
        recipe: of the run.
        folder: that everything is written to.
        start: the last.ckpt that training goes on from; None when it begins.
        kept: callbacks that come first.

    Raises:
        ConfigError: when the trainer validates at other moments than an epoch's end.
    """
    own = [make(each) for each in recipe.callbacks.values()]
    stopping = Stopping(recipe.ranking.watched, recipe.ranking.patience)
    best = BestCheckpoint(folder / "checkpoints", recipe.ranking.watched, start)
    # In this order: the last checkpoint holds the others' state at the end of its epoch.
    last = LastCheckpoint(folder / "checkpoints")
    callbacks = [*kept, *own, stopping, best, last, HostMemoryTrim()]
    if recipe.config["trainer"].get("enable_progress_bar", True):
        callbacks.append(RichProgressBar(refresh_rate=BAR_STEPS, leave=False))
    trainer = make(
        recipe.trainer,
        callbacks=callbacks,
        logger=[_logger(each, folder) for each in recipe.loggers.values()],
        default_root_dir=str(folder),
        plugins=[AtomicCheckpointIO()],
    )
    for fault in moment_faults(trainer.val_check_interval, trainer.max_steps):
        raise fault
    return Fit(trainer, stopping, best)


def _logger(part: Callable[..., Logger], folder: Path) -> Logger:
    takes = "save_dir" in inspect.signature(getattr(part, "func", part)).parameters
    return make(part, **({"save_dir": str(folder)} if takes else {}))  # type: ignore[no-any-return]


def begin_logging(
    loggers: Sequence[Logger], config: Mapping[str, Any], resume: Path | None
) -> list[dict[str, Any]]:
    """Let each logger go on, or begin, with the config; says which they are, for the record."""
    steps = None if resume is None else steps_of(resume)
    for logger in loggers:  # this very list: one that dies is taken out of the trainer's
        if steps is not None and isinstance(logger, Resumes):
            logger.resume(steps)
        if isinstance(logger, TensorBoardLogger):
            one_curve(logger, steps)
        logger.log_hyperparams(dict(config))
    return [{"type": type(each).__name__, "run": each.version} for each in loggers]


def test_figures(
    trainer: Trainer, model: LightningModule, users: DataLoader[RankingBatch], **how: Any
) -> dict[str, float]:
    """Test metrics of a model on users, ``masked/HR@10`` …; ``how`` goes to the trainer."""
    trainer.test(model, users, verbose=False, **how)
    return {
        name.removeprefix("test/"): float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith("test/")
    }
