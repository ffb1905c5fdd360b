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

from clock import BEGAN


def one_run(overrides: list[str]) -> None:
    """Train one step in this process, print what it took, and leave."""
    os.environ.setdefault(BEGAN, str(time.time()))
    import uniseq.run

    with tempfile.TemporaryDirectory() as folder:
        clock = "+callbacks.clock._target_=clock.Clock"
        sys.argv = ["uniseq", f"hydra.run.dir={folder}", clock, *overrides]
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
