"""Many runs on one machine: N runs on C cores against N / C times a single run.

    python experiments/bench/many_runs.py --runs 4 --cores 2 dataset=beauty data_dir=FOLDER

A single run is a sweep of one through the same launcher, one process with one thread, alone on the
machine. N runs are a sweep over N seeds, C at a time. Both are timed from the start of the command
to its end, so that start-up counts in both, and take turns, so that a machine that slows down slows
both. The ratio wanted is at most 1.1. Run it on an idle machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from uniseq.sweep.processes import VARIABLES


def sweep(seeds: range, processes: int, overrides: list[str]) -> dict[str, float]:
    """Seconds that a sweep over seeds takes, and the sum of what its runs say they took."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "uniseq.run", "--multirun", "hydra/launcher=joblib"),
            *(f"hydra.launcher.n_jobs={processes}", f"hydra.sweep.dir={folder}", "threads=1"),
            *("trainer.enable_progress_bar=false", "trainer.accelerator=cpu", *overrides),
            "seed=" + ",".join(map(str, seeds)),
        ]
        began = time.perf_counter()
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | dict.fromkeys(VARIABLES, "1"),
        )
        wall = time.perf_counter() - began
        records = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in Path(folder).glob("*/record.json")
        ]
    if len(records) != len(seeds) or any(record["status"] != "finished" for record in records):
        raise SystemExit(f"error: {len(records)} of {len(seeds)} runs left a record of success")
    return {"wall_s": wall, "runs_s": sum(record["timings"]["wall_s"] for record in records)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="a JSON file for all figures")
    arguments, overrides = parser.parse_known_args()
    rounds = []
    for _ in range(arguments.rounds):
        single = sweep(range(1), 1, overrides)
        many = sweep(range(arguments.runs), arguments.cores, overrides)
        ideal = single["wall_s"] * arguments.runs / arguments.cores
        rounds.append({"single": single, "many": many, "ratio": many["wall_s"] / ideal})
        print(
            f"single {single['wall_s']:.1f} s; {arguments.runs} runs on {arguments.cores} cores "
            f"{many['wall_s']:.1f} s; ratio {rounds[-1]['ratio']:.2f}",
            flush=True,
        )
    ratios = sorted(found["ratio"] for found in rounds)
    print(f"ratio: {statistics.median(ratios):.2f} ({ratios[0]:.2f} – {ratios[-1]:.2f})")
    if arguments.output:
        kept = [each for each in overrides if not each.startswith("data_dir=")]  # of this machine
        content = {"runs": arguments.runs, "cores": arguments.cores, "overrides": kept}
        arguments.output.write_text(json.dumps(content | {"rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
