"""Time and peak memory of preparing a raw log, on a log that is made up here.

    python experiments/bench/raw_log.py [--rows 10000000] [--format csv|json.gz] [--folder FOLDER]

Amazon's two formats, its lengths of ids and days as times; users and items as uneven as there. The
measured process starts anew with an empty cache, and its highest resident memory, the interpreter
included, is set against the kept columns: user, item and timestamp of all rows, counted strictly,
the bytes of the ids and 8 a time. Prints one JSON line.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

MEASURED = """
import json, resource, sys, time
from pathlib import Path
began = time.perf_counter()
from uniseq.data.sources import readers, raw
path = Path(sys.argv[1])
reader = log.AmazonRatings() if path.suffix == ".csv" else log.AmazonReviews()
source = raw.RawLog(reader, path.name, data_dir=str(path.parent))
sequences = source.load()
first = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_SELF)
began = time.perf_counter()
source.load()
status = Path("/proc/self/status").read_text(encoding="utf-8")
print(json.dumps({
    "wall_s": round(first, 1),
    "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
    "second_load_s": round(time.perf_counter() - began, 2),
    "peak_mb": round(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6),
    "kept_interactions": len(sequences.items),
    "users": sequences.num_users,
    "items": sequences.num_items,
}))
"""
PIECE = 500_000  # rows written at a time


def columns(rows: int) -> pl.DataFrame:
    """A made-up log: five interactions a user and thirty an item on average."""
    random = np.random.default_rng(0)
    activity = random.lognormal(0, 1.3, rows // 5)
    popularity = 1 / np.arange(1, rows // 30 + 1) ** 0.8
    users = random.choice(len(activity), rows, p=activity / activity.sum())
    items = random.choice(len(popularity), rows, p=popularity / popularity.sum())
    return pl.DataFrame(
        {
            "user": (users * 2654435761 % 10**13).astype(np.int64),
            "item": items,
            "rating": random.integers(1, 6, rows),
            "timestamp": 1_300_000_000 + 86_400 * random.integers(0, 1500, rows),
        }
    ).with_columns(
        pl.format("A{}", pl.col("user").cast(pl.String).str.zfill(13)).alias("user"),
        pl.format("B{}", pl.col("item").cast(pl.String).str.zfill(9)).alias("item"),
        pl.format("{}.0", "rating").alias("rating"),
    )


def write(log: pl.DataFrame, path: Path) -> None:
    """The log in one of Amazon's formats; a review's text is 300 characters of few words."""
    if path.suffix == ".csv":
        log.write_csv(path, include_header=False)
        return
    words = np.random.default_rng(1).choice(["good", "a", "product", "works", "broke", "it"], 9000)
    text = " ".join(words)
    reviews = log.select(
        reviewerID="user",
        asin="item",
        reviewText=pl.lit(text).str.slice(pl.int_range(pl.len()) * 7919 % 30_000, 300),
        overall=pl.col("rating").cast(pl.Float64),
        unixReviewTime="timestamp",
    )
    with gzip.open(path, "wb", compresslevel=4) as file:
        for start in range(0, reviews.height, PIECE):
            file.write(reviews[start : start + PIECE].write_ndjson().encode())


def main() -> None:
    """Make the log, prepare it in a process of its own, print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--format", choices=("csv", "json.gz"), default="csv")
    parser.add_argument(
        "--folder", type=Path, help="for the made-up log; a temporary one if left out"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        path = Path(name) / f"log.{arguments.format}"
        log = columns(arguments.rows)
        kept = log.drop("rating")
        texts = kept.select(pl.col("user", "item").str.len_bytes().sum()).sum_horizontal().item()
        sizes = {"kept_columns_mb": round((texts + 8 * kept.height) / 1e6)}
        write(log, path)
        sizes["file_mb"] = round(path.stat().st_size / 1e6)
        del log, kept
        measured = subprocess.run(
            [sys.executable, "-c", MEASURED, str(path)],
            env=os.environ | {"UNISEQ_CACHE_DIR": str(Path(name) / "cache")},
            check=True,
            capture_output=True,
            text=True,
        )
        figures = json.loads(measured.stdout)
        ratio = {"peak_to_kept": round(figures["peak_mb"] / sizes["kept_columns_mb"], 2)}
        print(json.dumps({"rows": arguments.rows, **sizes, **figures, **ratio}))


if __name__ == "__main__":
    main()
