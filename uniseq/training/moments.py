"""Moments of validation: an epoch's end alone, so that figures are of the weights that are kept."""

from collections.abc import Iterator
from typing import Any

from uniseq.errors import ConfigError


def moment_faults(val_check_interval: Any, max_steps: Any) -> Iterator[ConfigError]:
    """What would validate other weights than those of an epoch's end, which are kept and tested.

    Args:
        val_check_interval: of the trainer; 1.0 is an epoch's end, the integer 1 each batch.
        max_steps: of the trainer; -1 for no cap. A cap within an epoch leaves it without figures.
    """
    whole = isinstance(val_check_interval, float) and val_check_interval == 1.0
    if val_check_interval is not None and not whole:
        yield ConfigError(
            "trainer.val_check_interval",
            f"{val_check_interval} validates other weights than the epoch's last, which are kept; "
            "leave it out, and choose epochs with trainer.check_val_every_n_epoch",
        )
    if max_steps is not None and max_steps != -1:
        yield ConfigError(
            "trainer.max_steps",
            f"{max_steps} may end within an epoch, which then has no figures; leave it out, and "
            "count epochs with trainer.max_epochs",
        )
