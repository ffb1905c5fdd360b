"""uniseq against RecBole, RecTools and RePlay, and against its own matrix products, in one table.

All train SASRec (d = 64, 2 layers, 2 heads, feed-forward 256, dropout .5), or RecBole GRU4Rec (2
layers of 64) or Caser (last 5 or 50 items, 16 horizontal filters a height, 4 vertical ones, user
embeddings), by Adam at 3e-4 on the last 50 items, on the same file and the same cores. RecBole
trains one sample a prefix; RecTools and RePlay train all positions of whole users, and so uniseq
is measured both ways. Training samples are the targets that count in the loss.

Each is a process of its own in an environment of its own. They start in turns, then train in
turns, then rank all validation users in turns; the first round of each is left out, and while one
works the others wait. The machine must be otherwise idle. From this folder:

    make DATA=FOLDER/Beauty.txt
"""

import argparse
import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import floor
from chart import draw
from contenders import OURS, PACKAGES, SETUPS, Contender, contenders, versions
from machine import describe
from table import markdown
from worker import HERE, Worker

Figures = dict[str, Any]

MODELS = ("SASRec", "GRU4Rec", "Caser", "Caser50")


def say(*words: object) -> None:
    """Progress, apart from the table."""
    print(*words, file=sys.stderr, flush=True)


def start(those: list[Contender], rounds: int) -> tuple[list[Worker], list[Figures]]:
    """Start them in turns; those of the last round stay."""
    figures: list[Figures] = [{"start s": []} for _ in those]
    for number in range(rounds + 1):
        workers = []
        for contender, kept in zip(those, figures, strict=True):
            worker = Worker(contender.name, contender.command)
            say(f"start {number} {contender.name}: {worker.start_seconds:.1f} s")
            if number:
                kept["start s"].append(worker.start_seconds)
            if number < rounds:
                worker.quit()
            else:
                workers.append(worker)
    return workers, figures


def measure(those: list[Contender], options: Namespace) -> list[Figures]:
    """All figures of each."""
    workers, figures = start(those, options.starts)
    steps = [worker.steps_in(options.seconds) for worker in workers]
    for kept in figures:
        kept.update({"samples/s": [], "users/s": [], "ranked/s": []})
    for number in range(options.rounds):
        for worker, count, kept in zip(workers, steps, figures, strict=True):
            answer = worker.ask("train", steps=count)
            kept["samples/s"].append(answer["samples"] / answer["seconds"])
            kept["users/s"].append(answer["users"] / answer["seconds"])
            say(f"train {number + 1} {worker.name}: {kept['samples/s'][-1]:,.0f} samples/s")
    for number in range(options.rank_rounds + 1):
        for worker, kept in zip(workers, figures, strict=True):
            answer = worker.ask("rank")
            say(f"rank {number} {worker.name}: {answer['users'] / answer['seconds']:,.0f} users/s")
            if number:
                kept["ranked/s"].append(answer["users"] / answer["seconds"])
                kept["users"], kept["ndcg@10"] = answer["users"], answer["ndcg@10"]
    for worker, kept in zip(workers, figures, strict=True):
        kept["peak MB"] = worker.ask("memory")["peak_rss_mb"]
    # Last: the operands of the products count in the memory.
    for contender, worker, count, kept in zip(those, workers, steps, figures, strict=True):
        if contender.name == OURS:
            say(f"products {contender.setup}")
            kept["floor"] = floor.measure(worker, options.rounds, count)
    for worker in workers:
        worker.quit()
    return figures


def main() -> None:
    """Run the comparison, print the table and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Beauty.txt")
    parser.add_argument("--model", choices=MODELS, default="SASRec")
    parser.add_argument("--peers", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    for name in PACKAGES:
        parser.add_argument(f"--{name.lower()}", metavar="PYTHON", help="its interpreter")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--starts", type=int, default=2, help="rounds of starting")
    parser.add_argument("--rounds", type=int, default=6, help="of training")
    parser.add_argument("--rank-rounds", type=int, default=2, help="of ranking")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a stretch, about")
    parser.add_argument("--anomaly", choices=["off", "shipped"], default="off")
    parser.add_argument("--out", type=Path, help="the JSON file; .md and .png beside it")
    options = parser.parse_args()
    those = contenders(options)
    machine = describe(options.threads)
    found = {contender.name: versions(contender) for contender in those}
    figures = measure(those, options)
    machine["load at end"] = round(os.getloadavg()[0], 2)
    results = {
        "model": options.model,
        "machine": machine,
        "setups": {name: SETUPS[name] for name in SETUPS if name in {one.setup for one in those}},
        "versions": found,
        "recbole's anomaly detection": options.anomaly,
        "contenders": [
            {"name": contender.name, "setup": contender.setup, **kept}
            for contender, kept in zip(those, figures, strict=True)
        ],
    }
    text = markdown(results)
    print(text)
    suffix = "" if options.model == "SASRec" else f"_{options.model.lower()}"
    suffix += "" if options.anomaly == "off" else "_anomaly"
    out = options.out or HERE / "results" / f"versus{suffix}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")
    out.with_suffix(".md").write_text(text + "\n")
    draw(results, out.with_suffix(".png"))


if __name__ == "__main__":
    main()
