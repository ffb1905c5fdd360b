"""Learning-rate schedules: how a run takes a step of one, and a cosine with a warm-up.

A schedule is named by ``scheduler._target_`` with ``_partial_: true`` and made from the optimizer:
any of ``torch.optim.lr_scheduler``, or one's own. It steps once an epoch, or once a training step
where it has an attribute ``interval = "step"``. One that waits for a plateau is shown the watched
validation figure, after each validation.
"""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from uniseq.errors import ConfigError, require_positive


class WarmupCosine(LambdaLR):
    """Linear warm-up, then half a cosine down to a share of the learning rate.

    In epoch e, counted from 0, of w warm-up and n epochs, the learning rate is multiplied by

    - ``(e + 1) / (w + 1)`` for e < w,
    - ``floor + (1 - floor) · (1 + cos(π · (e - w) / (n - w))) / 2`` for w ≤ e < n, and
    - ``floor`` from then on (Loshchilov & Hutter, ICLR 2017, Eq. 5, without restarts).

    Args:
        optimizer: whose learning rate it sets.
        epochs: n, after which the learning rate stays at its floor.
        warmup: w, epochs of warm-up.
        floor: the last learning rate, as a share of the first.

    Raises:
        ConfigError: when they do not fit together.
    """

    def __init__(
        self, optimizer: Optimizer, epochs: int, warmup: int = 0, floor: float = 0.0
    ) -> None:
        require_positive(epochs=epochs)
        if not 0 <= warmup < epochs:
            raise ConfigError(
                "warmup", f"must be 0 or more and below epochs={epochs}, not {warmup}"
            )
        if not 0 <= floor <= 1:
            raise ConfigError("floor", f"must be a share from 0 to 1, not {floor}")

        def factor(epoch: int) -> float:
            if epoch < warmup:
                return (epoch + 1) / (warmup + 1)
            progress = min(1.0, (epoch - warmup) / (epochs - warmup))
            return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2

        super().__init__(optimizer, factor)


def lightning_schedule(schedule: Any, watched: str, every: int) -> dict[str, Any]:
    """A schedule as Lightning takes it.

    Args:
        schedule: a scheduler of torch's kind.
        watched: the validation figure that a plateau is told by.
        every: epochs from one validation to the next.

    Raises:
        ConfigError: when one that waits for a plateau waits for a low figure.
    """
    waits = isinstance(schedule, ReduceLROnPlateau)
    if waits and schedule.mode != "max":
        raise ConfigError("scheduler.mode", "must be max: the watched figure is to be high")
    return {
        "scheduler": schedule,
        "interval": getattr(schedule, "interval", "epoch"),
        "frequency": every if waits else 1,
        "monitor": watched if waits else None,
        "reduce_on_plateau": waits,
    }
