"""The clock of ``startup.py``: a callback that ends the process after its first training step.

Loaded by the run itself, so that nothing is loaded for it beforehand.
"""

import json
import os
import sys
import time
from typing import Any

BEGAN = "UNISEQ_BENCH_BEGAN"
HEAVY = (
    "matplotlib",
    "scipy",
    "polars",
    "pandas",
    "rich",
    "wandb",
    "tensorboard",
    "sklearn",
    "ray",
)


def __getattr__(name: str) -> Any:
    if name != "Clock":
        raise AttributeError(name)
    from lightning.pytorch import Callback

    class Clock(Callback):
        """Prints what the way to the first training step took, and leaves."""

        def on_train_batch_end(self, *_: Any) -> None:
            """Say it after the first step."""
            wall = time.time() - float(os.environ[BEGAN])
            found = {"wall_s": wall, "cpu_s": time.process_time(), "modules": len(sys.modules)}
            found["heavy"] = [name for name in HEAVY if name in sys.modules]
            print(json.dumps(found), flush=True)
            os._exit(0)

    return Clock
