"""uniseq's training steps against the matrix products that they contain, run alone.

One worker a row; it trains a stretch and then runs the products of its own steps, in turns, so
that both see the same machine. See products.py for what counts. On an idle machine, from this
folder:

    python floor.py --data FILE [--threads 2]
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from machine import describe, sentence
from worker import Worker

ROWS = {
    "SASRec, prefixes, uniformity": ["--loss", "uniform", "--similarity", "cosine"],
    "SASRec, prefixes, BPR": [],
    "SASRec, 128 whole users, BCE": ["--loss", "bce", "--batch-users", "128"],
    "GRU4Rec, prefixes, BPR": ["--model", "GRU4Rec"],
    "Caser, prefixes, BPR": ["--model", "Caser"],
}


def measure(worker: Worker, rounds: int, steps: int) -> dict[str, Any]:
    """Seconds of a training step and of its products, of each round; the first is left out."""
    taken: dict[str, list[float]] = {"train": [], "products": []}
    for number in range(rounds + 1):
        for kind, seconds in taken.items():
            answer = worker.ask(kind, steps=steps)
            if number:
                seconds.append(answer["seconds"] / steps)
    return {"step s": taken["train"], "products s": taken["products"], "gflop": answer["gflop"]}


def row(name: str, measured: dict[str, Any]) -> str:
    """Medians, and the median of the paired ratios with their range."""
    step, products = (statistics.median(measured[key]) for key in ("step s", "products s"))
    pairs = zip(measured["step s"], measured["products s"], strict=True)
    ratios = sorted(a / b for a, b in pairs)
    return (
        f"| {name} | {1000 * step:.1f} | {1000 * products:.1f} | {measured['gflop']:.2f} "
        f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} – {ratios[-1]:.2f}) |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Beauty.txt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a stretch, about")
    options = parser.parse_args()
    machine = describe(options.threads)
    lines = [
        "| training step | step ms | its products alone ms | GFLOP | step / products |",
        "| --- | --- | --- | --- | --- |",
    ]
    common = ["--data", str(options.data.resolve()), "--threads", str(options.threads)]
    for name, chosen in ROWS.items():
        worker = Worker(name, [sys.executable, "uniseq_worker.py", *common, *chosen])
        lines.append(row(name, measure(worker, options.rounds, worker.steps_in(options.seconds))))
        print(lines[-1], file=sys.stderr, flush=True)
        worker.quit()
    print(*lines, "", sentence(machine), sep="\n")


if __name__ == "__main__":
    main()
