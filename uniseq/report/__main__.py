"""Tables, tests, curves and claims from records: ``python -m uniseq.report FOLDER``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from uniseq.cli import complain, ending
from uniseq.errors import UniseqError
from uniseq.report.build import build_report
from uniseq.report.table_files import read_tables

# The paper's.
TABLES = Path(__file__).parent / "paper"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1, and one line a fault, on what cannot be read.

    A record that cannot be read does not keep the others from being shown.
    """
    options = _parser().parse_args(arguments)
    out = options.folder / "report" if options.out is None else options.out
    with ending():
        if not options.folder.is_dir():
            raise UniseqError(f"{options.folder}: there is no such folder")
        try:
            report, files = build_report(options.folder, out, read_tables(options.tables))
        except OSError as error:
            where, problem = error.filename or out, error.strerror or error
            raise UniseqError(
                f"{where}: cannot be written or read: {problem}; name another folder with --out"
            ) from error
    for path in files:
        print(path)
    for fault in report.unreadable:
        complain(fault)
    if report.unreadable:
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.report",
        description="Build report.html, report.md, and CSV and LaTeX of each table from all "
        "records below a folder, however it is laid out.",
    )
    parser.add_argument("folder", type=Path, help="every record.json below it is read")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="to write to (default: FOLDER/report)"
    )
    parser.add_argument(
        "--tables",
        type=Path,
        default=TABLES,
        metavar="PLACE",
        help="a table file, or a folder of such (default: the paper's)",
    )
    return parser


if __name__ == "__main__":
    main()
