"""Status of the sweeps in a folder: ``python -m uniseq.status experiments/results``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from uniseq.cli import ending
from uniseq.errors import DataError, UniseqError
from uniseq.records.folders import SWEEPS, Runs
from uniseq.sweep.display import render
from uniseq.sweep.survey import read_plan, survey


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1, and a line a fault, where a sweep cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.status",
        description="Runs done, running, failed and waiting, the best so far and the time left, of "
        "each sweep in a results folder.",
    )
    parser.add_argument("folder", type=Path, help="a sweep's results_dir")
    folder = parser.parse_args(arguments).folder
    with ending():
        plans = sorted((folder / SWEEPS).glob("*.json"), key=lambda path: path.stat().st_mtime)
        if not plans:
            raise DataError(folder, "holds no sweep; name the results_dir of one")
        console = Console(markup=False, emoji=False)
        faults = []
        for path in plans:
            try:
                title, planned = read_plan(path)
            except DataError as error:  # it does not hide the others
                faults.append(str(error))
                continue
            console.print(render(survey(Runs(folder), planned), title))
        if faults:
            raise UniseqError("\n".join(faults))


if __name__ == "__main__":
    main()
