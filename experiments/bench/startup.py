"""Seconds from the start of a process to the end of its first training step.

    python experiments/bench/startup.py --rounds 5 dataset=beauty data_dir=FOLDER
    python -X importtime experiments/bench/startup.py --once dataset=beauty data_dir=FOLDER

The first prints the median of the rounds, wall clock and CPU, after one round that warms the file
cache; the second what a single process takes to import, module by module, on standard error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

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


def one_run(overrides: list[str]) -> None:
    """Train one step in this process, print what it took, and leave."""
    began = float(os.environ.get(BEGAN, time.time()))
    import uniseq.run
    import uniseq.training.train

    make_trainer = uniseq.training.train._trainer

    def with_clock(*arguments):
        from lightning.pytorch import Callback

        class Clock(Callback):
            def on_train_batch_end(self, *_):
                wall = time.time() - began
                found = {"wall_s": wall, "cpu_s": time.process_time(), "modules": len(sys.modules)}
                found["heavy"] = [name for name in HEAVY if name in sys.modules]
                print(json.dumps(found), flush=True)
                os._exit(0)

        trainer, *rest = make_trainer(*arguments)
        trainer.callbacks.append(Clock())
        return trainer, *rest

    uniseq.training.train._trainer = with_clock
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["uniseq", f"hydra.run.dir={folder}", *overrides]
        uniseq.run.main()


def rounds(count: int, overrides: list[str]) -> list[dict]:
    """One run after the other, each in a fresh process; the first is not counted."""
    found = []
    for _ in range(count + 1):
        done = subprocess.run(
            [sys.executable, __file__, "--once", *overrides],
            env=os.environ | {BEGAN: str(time.time())},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", action="store_true", help="one run in this process")
    arguments, overrides = parser.parse_known_args()
    if arguments.once:
        one_run(overrides)
        return
    found = rounds(arguments.rounds, overrides)
    for key in ("wall_s", "cpu_s"):
        values = sorted(run[key] for run in found)
        print(f"{key}: {statistics.median(values):.2f} ({values[0]:.2f} – {values[-1]:.2f})")
    print(f"modules: {found[0]['modules']}; heavy ones among them: {found[0]['heavy'] or 'none'}")


if __name__ == "__main__":
    main()
