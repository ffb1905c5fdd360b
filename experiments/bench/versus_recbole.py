"""Training and ranking speed and memory against RecBole 1.2.1, alternating in one run.

Both train SASRec (d = 64, 2 layers, 2 heads, feed-forward 256), GRU4Rec (2 layers of 64) or Caser
(last 5 items, 16 horizontal filters a height, 4 vertical ones, user embeddings) with dropout .5,
BPR with one sampled negative, Adam 3e-4, batch 256, last 50 items and one sample a prefix, on the
same file and the same cores. The machine must be otherwise idle. From this folder, once
``make recbole`` has made RecBole's environment:

    make DATA=FOLDER/Beauty.txt
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Worker:
    """A process that measures itself on request."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HERE,
        )
        self.ready = self._answer()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: the {self.name} worker ended; run its command by hand to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def quit(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.write('{"do": "quit"}\n')
        self.process.stdin.close()
        self.process.wait()


def measure(workers: dict[str, Worker], rounds: int, steps: dict[str, int]) -> dict[str, Any]:
    """Alternate the workers; the first round of each kind is warm-up and left out."""
    train: dict[str, list[float]] = {name: [] for name in workers}
    rank: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(rounds + 1):
        for name, worker in workers.items():
            answer = worker.ask(do="train", steps=steps[name])
            speed = answer["samples"] / answer["seconds"]
            print(f"round {number} train {name}: {speed:,.0f} samples/s", flush=True)
            if number:
                train[name].append(speed)
    for number in range(max(2, rounds // 2) + 1):
        for name, worker in workers.items():
            answer = worker.ask(do="rank", batches=None)
            speed = answer["users"] / answer["seconds"]
            print(f"round {number} rank {name}: {speed:,.0f} users/s", flush=True)
            if number:
                rank[name].append(speed)
    memory = {name: worker.ask(do="memory")["peak_rss_mb"] for name, worker in workers.items()}
    return {"train samples/s": train, "ranked users/s": rank, "peak memory MB": memory}


def table(results: dict[str, Any]) -> str:
    """A Markdown table of medians and of the median of the paired ratios."""
    lines = ["| figure | uniseq | RecBole 1.2.1 | ratio (min – max) |", "| --- | --- | --- | --- |"]
    for figure in ("train samples/s", "ranked users/s"):
        ours, theirs = results[figure]["uniseq"], results[figure]["recbole"]
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        lines.append(
            f"| {figure} | {statistics.median(ours):,.0f} | {statistics.median(theirs):,.0f} "
            f"| {statistics.median(ratios):.1f} ({min(ratios):.1f} – {max(ratios):.1f}) |"
        )
    ours, theirs = (results["peak memory MB"][name] for name in ("uniseq", "recbole"))
    lines.append(f"| peak memory MB | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} |")
    ours, theirs = (results["startup s"][name] for name in ("uniseq", "recbole"))
    lines.append(f"| start to first step s | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison, print the table and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Beauty.txt")
    parser.add_argument("--recbole-python", default=str(HERE / ".recbole" / "bin" / "python"))
    parser.add_argument("--model", choices=["SASRec", "GRU4Rec", "Caser"], default="SASRec")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--anomaly", choices=["off", "shipped"], default="off")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    common = ["--data", str(arguments.data.resolve()), "--threads", str(arguments.threads)]
    common += ["--model", arguments.model]
    recbole = [arguments.recbole_python, "recbole_peer.py", *common]
    workers = {
        "recbole": Worker("recbole", [*recbole, "--anomaly", arguments.anomaly]),
        "uniseq": Worker("uniseq", [sys.executable, "uniseq_worker.py", *common]),
    }
    results = measure(workers, arguments.rounds, {"recbole": 20, "uniseq": 200})
    results["startup s"] = {name: worker.ready["startup_s"] for name, worker in workers.items()}
    results["machine"] = {
        "processor": platform.processor() or platform.machine(),
        "model": arguments.model,
        "threads": arguments.threads,
        "recbole anomaly detection": arguments.anomaly,
        "date": date.today().isoformat(),
    }
    for worker in workers.values():
        worker.quit()
    print(table(results))
    name = f"{arguments.model.lower()}_anomaly_{arguments.anomaly}.json"
    out = arguments.out or HERE / "results" / name
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")
    out.with_suffix(".md").write_text(table(results) + "\n")


if __name__ == "__main__":
    main()
