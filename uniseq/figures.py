"""Draw figures from records: ``python -m uniseq.figures figure1 RUN_A RUN_B --labels a b``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from uniseq.cli import ending
from uniseq.errors import DataError, UniseqError
from uniseq.records.record import Record
from uniseq.records.store import find_record, read_record
from uniseq.report.writing.figure1 import Curve, draw_figure1


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. Exit status 1, and one line, on records that cannot be used."""
    options = _parser().parse_args(arguments)
    with ending():
        for picture in options.draw(options):
            print(picture)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uniseq.figures", description="Draw figures from the records of runs."
    )
    figures = parser.add_subparsers(required=True, metavar="FIGURE")
    figure1 = figures.add_parser(
        "figure1",
        help="performance by epoch, and the cosines between histories and between items",
        description="Three panels: validation metric by epoch, cosines between histories, cosines "
        "between items. The runs must have been trained with sphere=watch.",
    )
    figure1.add_argument(
        "records", nargs="+", type=Path, metavar="RECORD_OR_RUN_FOLDER", help="one curve each"
    )
    figure1.add_argument(
        "--labels", nargs="+", metavar="LABEL", help="in the legend; the runs' names otherwise"
    )
    figure1.add_argument(
        "--epoch",
        type=int,
        nargs="+",
        help="whose cosines, from 0; the first and the last that all measured otherwise",
    )
    figure1.add_argument(
        "--beside",
        nargs="+",
        type=Path,
        default=[],
        metavar="RECORD_OR_RUN_FOLDER",
        help="runs for the first panel alone, such as one without normalisation; labelled last",
    )
    figure1.add_argument("--metric", help="such as HR@10; what the first run watched otherwise")
    figure1.add_argument(
        "--history",
        choices=["masked", "unmasked"],
        help="whether items of the history are left out of the ranking; as in the first run "
        "otherwise",
    )
    figure1.add_argument(
        "--out",
        type=Path,
        default=Path("figure1"),
        metavar="STEM",
        help="writes STEM.png and STEM.svg (default: figure1)",
    )
    figure1.set_defaults(draw=_figure1)
    return parser


def _figure1(options: argparse.Namespace) -> list[Path]:
    files = [find_record(path) for path in (*options.records, *options.beside)]
    records = [_read(file) for file in files]
    labels = options.labels or [record.name for record in records]
    if len(labels) != len(records):
        raise UniseqError(
            f"--labels: {len(labels)} given for {len(records)} records; name each of them once"
        )
    measured = [number < len(options.records) for number in range(len(records))]
    curves = [Curve(*each) for each in zip(files, labels, records, measured, strict=True)]
    return draw_figure1(curves, options.out, options.epoch, options.metric, options.history)


def _read(file: Path) -> Record:
    """A record with at least one epoch.

    Raises:
        DataError: when it is none.
    """
    record = read_record(file)
    if not record.epochs:
        raise DataError(
            file, f"is of a run that is {record.status} and has no epoch: choose another"
        )
    return record


if __name__ == "__main__":
    main()
