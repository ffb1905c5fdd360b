"""A step of Adam on an embedding table, dense and by the rows touched, for growing tables.

Each step looks up the rows of one batch (2,500 ids with a long-tailed popularity, as batches of
256 histories have), takes a gradient of them and updates. The two alternate; the machine must be
otherwise idle.

    python adam.py [--threads 2] [--out results/adam.md]
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from uniseq.embedding.rowwise_adam import RowwiseAdam
from uniseq.embedding.table import Table

DIM, IDS = 64, 2500


def step(table: Table, optimizer: Optimizer, ids: Tensor) -> float:
    """Milliseconds of one step."""
    began = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    table(ids).square().sum().backward()
    optimizer.step()
    return (time.perf_counter() - began) * 1e3


def measure(rows: int, rounds: int) -> tuple[float, float]:
    """Median milliseconds of a step, dense and by rows; the first tenth is warm-up."""
    tables = [Table(rows, DIM, std=0.02) for _ in range(2)]
    dense, rowwise = (RowwiseAdam(t.parameters(), lr=3e-4, fused=True) for t in tables)
    tables[1].follow(rowwise)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        ids = (torch.rand(IDS) ** 3 * rows).long()
        for table, optimizer, taken in zip(tables, (dense, rowwise), times, strict=True):
            taken.append(step(table, optimizer, ids))
    one, other = (statistics.median(taken[rounds // 10 :]) for taken in times)
    return one, other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    lines = ["| rows | dense ms | by rows ms | dense / by rows |", "| --- | --- | --- | --- |"]
    for rows in (4_000, 12_000, 32_000, 100_000, 300_000, 1_000_000):
        dense, rowwise = measure(rows, 60 if rows > 100_000 else 300)
        lines.append(f"| {rows:,} | {dense:.2f} | {rowwise:.2f} | {dense / rowwise:.2f} |")
        print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
