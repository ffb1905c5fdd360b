"""Trainer keys: those of Lightning's trainer that a run cannot use, or not at each value."""

from collections.abc import Iterator
from typing import Any

from uniseq.errors import ConfigError
from uniseq.training.moments import moment_faults

# Arguments of the trainer that are made elsewhere, each with what to do instead.
ELSEWHERE = {
    "callbacks": "add them with +callbacks.NAME._target_=…",
    "logger": "choose loggers with logger=…",
    "default_root_dir": "name the folder with results_dir=…",
    "plugins": "it is the checkpoints' own",
}
# Modes of the trainer that leave out what a record is made of, each with what to do instead.
OFF = {
    "fast_dev_run": "try a run with trainer=smoke",
    "overfit_batches": "train on few batches with trainer.limit_train_batches",
    "barebones": "leave it out; threads and dataset.batch_size are what speed depends on",
}
# By whether the trainer scales or casts what an optimizer sees.
PRECISIONS = {
    **{"32-true": False, "32": False},
    **{"bf16-mixed": True, "bf16": True, "16-mixed": True, "16": True},
}


def check_trainer(trainer: dict[str, Any], optimizer: Any = None) -> Iterator[ConfigError]:
    """What a run cannot use of the trainer's keys, told by the key.

    Args:
        trainer: its node, resolved.
        optimizer: that of the optimizer, which may rule out a combination.
    """
    yield from _check_validation(trainer)
    for key, remedy in ELSEWHERE.items():
        if key in trainer:
            yield ConfigError(f"trainer.{key}", f"is not set here: {remedy}")
    for key, remedy in OFF.items():
        if trainer.get(key) not in (None, False, 0, 0.0):
            yield ConfigError(f"trainer.{key}", f"is not for a run that leaves a record: {remedy}")
    if trainer.get("enable_checkpointing") is False:
        yield ConfigError("trainer.enable_checkpointing", "must be true: the best epoch is tested")
    for key in ("limit_train_batches", "limit_test_batches"):
        if trainer.get(key) == 0:
            yield ConfigError(f"trainer.{key}", "must not be 0: a run trains and is tested")
    yield from _check_precision(trainer, optimizer)


def _check_precision(trainer: dict[str, Any], optimizer: Any) -> Iterator[ConfigError]:
    precision = str(trainer.get("precision") or "32-true")
    if precision not in PRECISIONS:
        yield ConfigError(
            "trainer.precision", f"must be 32-true, bf16-mixed or 16-mixed, not {precision}"
        )
    fused = isinstance(optimizer, dict) and optimizer.get("fused") is True
    if fused and trainer.get("gradient_clip_val") and PRECISIONS.get(precision):
        yield ConfigError(
            "trainer.gradient_clip_val",
            f"is not for a fused optimizer at precision {precision}; set optimizer.fused=false",
        )


def _check_validation(trainer: dict[str, Any]) -> Iterator[ConfigError]:
    """Early stopping and the best checkpoint need validation figures."""
    if trainer.get("max_epochs") == 0:
        yield ConfigError("trainer.max_epochs", "must be at least 1, or -1 for no cap")
    every, cap = trainer.get("check_val_every_n_epoch", 1), trainer.get("max_epochs")
    if not isinstance(every, int) or every < 1:
        yield ConfigError("trainer.check_val_every_n_epoch", f"must be 1 or more, not {every}")
    elif isinstance(cap, int) and 0 < cap < every:
        yield ConfigError(
            "trainer.check_val_every_n_epoch",
            f"{every} is above max_epochs={cap}: there would be no validation",
        )
    if trainer.get("limit_val_batches", 1) == 0:
        yield ConfigError("trainer.limit_val_batches", "must not be 0: a run needs its validation")
    yield from moment_faults(trainer.get("val_check_interval"), trainer.get("max_steps"))
