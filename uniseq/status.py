"""How the sweeps in a folder stand: ``python -m uniseq.status experiments/results``."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from uniseq.errors import DataError, UniseqError
from uniseq.records.runs import SWEEPS, Runs
from uniseq.sweep.overview import render, survey


@dataclass(frozen=True, slots=True)
class Noted:
    """A run that a sweep has planned."""

    id: str
    name: str


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1, and one line, on a folder without sweeps."""
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.status",
        description="Runs done, running, failed and waiting, the best so far and the time left, of "
        "each sweep in a results folder.",
    )
    parser.add_argument("folder", type=Path, help="a sweep's results_dir")
    folder = parser.parse_args(arguments).folder
    try:
        plans = sorted((folder / SWEEPS).glob("*.json"), key=lambda path: path.stat().st_mtime)
        if not plans:
            raise DataError(folder, "holds no sweep; name the results_dir of one")
        console = Console()
        for path in plans:
            title, planned = _read(path)
            console.print(render(survey(Runs(folder), planned), title))
    except UniseqError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _read(path: Path) -> tuple[str, list[Noted]]:
    try:
        content = json.loads(path.read_text())
        command = " ".join(content["command"])
        return f"{content['name']}  ({command})", [Noted(**run) for run in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(path, f"is no plan of a sweep: {error}; delete it") from error


if __name__ == "__main__":
    main()
