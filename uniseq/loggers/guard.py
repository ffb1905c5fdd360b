"""Guard: a logger that dies is reported once and left out, and the run goes on."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger

METHODS = (
    *("log_hyperparams", "log_metrics", "log_graph", "log_histogram", "resume"),
    *("save", "after_save_checkpoint", "finalize"),
)


def guard(trainer: Trainer) -> dict[str, str]:
    """Keep a trainer's run alive through the death of its loggers.

    Args:
        trainer: whose loggers are guarded. One that raises is no longer among them, and is not
            called again by those who still have it.

    Returns:
        What the dead said, by the name of their class; filled as they die.
    """
    said: dict[str, str] = {}
    for logger in trainer.loggers:
        for name in METHODS:
            method = getattr(logger, name, None)
            if method is not None:
                setattr(logger, name, _guarded(trainer, logger, method, said))
    return said


def _guarded(
    trainer: Trainer, logger: Logger, method: Callable[..., Any], said: dict[str, str]
) -> Callable[..., None]:
    kind = type(logger).__name__

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> None:
        if kind in said and logger not in trainer.loggers:
            return
        try:
            method(*arguments, **named)
        except Exception as error:  # whatever a service or a disk makes it raise
            said[kind] = report(kind, error)
            trainer.loggers = [each for each in trainer.loggers if each is not logger]

    return call


def report(kind: str, error: Exception) -> str:
    """Say on the standard error that a logger has died; gives what it died of."""
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    print(f"warning: {kind} died of {cause}; the run goes on without it", file=sys.stderr)
    return cause
