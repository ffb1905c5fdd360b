"""Train a recorded run once more and compare: ``python -m uniseq.repeat RUN/record.json``."""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

from uniseq.cli import ending, own_classes
from uniseq.config.recipes import DATA_DIR, recorded_recipe
from uniseq.config.trust import file_of
from uniseq.errors import printable
from uniseq.records.record import Record
from uniseq.records.store import find_record, read_finished, read_record, require_same_data
from uniseq.startup import load_trainer
from uniseq.training.train import train

CSV = {"_target_": "uniseq.loggers.csv.CSVLogger", "name": "", "version": ""}


def repeat(
    path: Path,
    out: Path,
    data_dir: str | None,
    threads: int | None,
    trust: Collection[str] = (),
) -> Record:
    """Train from the config in a record.

    Args:
        path: the record.
        out: where a folder for the run is made.
        data_dir: of the data files here; None downloads them.
        threads: of the CPU; None for as many as the recorded run had, as sums are rounded by them.
        trust: classes that its config may name besides those of uniseq, Lightning, torch.optim and
            torchmetrics.

    Raises:
        UniseqError: when it did not finish, its config does not fit this version or names what is
            not trusted, or the data here are not its own.
    """
    recorded = read_finished(path)
    made = recorded_recipe(
        recorded.config,
        data_dir,
        trust,
        results_dir=str(out),
        threads=recorded.environment.get("threads") if threads is None else threads,
        logger=CSV,
    )
    remedy = f"--data-dir or {DATA_DIR}"
    require_same_data(path, recorded, made.data.sequences.fingerprint, remedy)
    moment = f"{datetime.now(UTC):%Y-%m-%d_%H-%M-%S-%f}"
    return train(made, out / f"{recorded.name}_repeated" / moment)


def differences(recorded: Record, repeated: Record) -> list[str]:
    """The figures that differ, a line each; the whole course of training counts."""
    lines = [
        f"test {name}: {recorded.test.get(name)} recorded, {repeated.test.get(name)} here"
        for name in sorted(recorded.test.keys() | repeated.test.keys())
        if recorded.test.get(name) != repeated.test.get(name)
    ]
    if len(recorded.epochs) != len(repeated.epochs):
        lines.append(f"epochs: {len(recorded.epochs)} recorded, {len(repeated.epochs)} here")
    pairs = zip(recorded.epochs, repeated.epochs, strict=False)
    first = next((int(was["epoch"]) for was, now in pairs if was != now), None)
    return lines if first is None else [*lines, f"training differs from epoch {first + 1} on"]


def other_versions(recorded: Record, repeated: Record) -> list[str]:
    """What else was in use than then, a line each."""
    was, now = (_versions(record) for record in (recorded, repeated))
    return [
        f"{name} {was.get(name)} recorded, {now.get(name)} here"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _versions(record: Record) -> dict[str, Any]:
    seen = record.environment
    names = ("uniseq", "commit", "python", "platform", "threads", "processes")
    return {
        **{name: seen.get(name) for name in names},
        "dirty": record.dirty,
        **seen.get("packages", {}),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1 when a run cannot be repeated or ends in other figures."""
    options = _parser().parse_args(arguments)
    if options.trust:
        own_classes()
    for name in options.trust:
        print(f"trusted: {name}, from {file_of(name)}", file=sys.stderr)
    load_trainer()
    from uniseq.training.processes import leads  # loads Lightning

    data_dir = os.environ.get(DATA_DIR) if options.data_dir is None else str(options.data_dir)
    equal = True
    with ending():
        for file in map(find_record, options.records):
            repeated = repeat(file, options.out, data_dir, options.threads, options.trust)
            if leads():
                equal &= _report(file, read_record(file), repeated)
    if not equal:
        sys.exit(1)


def _report(path: Path, recorded: Record, repeated: Record) -> bool:
    """Print the figures side by side; returns whether all are equal."""
    width = max(len(name) for name in recorded.test)
    print(f"{printable(str(path))}\n{'':{width}}  recorded  here")
    for name, value in sorted(recorded.test.items()):
        print(f"{name:{width}}  {value:.6f}  {repeated.test.get(name, nan):.6f}")
    differing = differences(recorded, repeated)
    print("equal in every figure of every epoch" if not differing else "not equal:")
    for line in differing:
        print(f"  {printable(line)}")
    others = other_versions(recorded, repeated)
    if others:
        print("in use here and then:")
    for line in others:
        print(f"  {printable(line)}")
    return not differing


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.repeat",
        description="Train recorded runs once more, from the configs in their records, and say "
        "whether they end in the same figures. On the same versions, kind of machine and number of "
        "threads they do.",
    )
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD_OR_RUN_FOLDER")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER", help="(default: runs)"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help=f"of the data files (default: {DATA_DIR})"
    )
    parser.add_argument("--threads", type=int, help="of the CPU (default: as recorded)")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="CLASS",
        help="that a record may name besides those of uniseq, lightning, torch.optim and "
        "torchmetrics, such as mine.Loss; once for each. Its file is loaded and run",
    )
    return parser


if __name__ == "__main__":
    main()
