"""Table files: YAML of a table each, checked as it is read."""

from pathlib import Path

from pydantic import ValidationError

from uniseq.errors import DataError
from uniseq.report.tables import Table
from uniseq.report.yaml_files import read_yaml


def read_tables(folder: Path) -> list[Table]:
    """The tables of all YAML files in a folder, in the order of their names, or that of one file.

    Raises:
        DataError: when there is none, or naming the first fault of one.
    """
    files = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    if not files:
        raise DataError(
            folder, "has no table files (*.yaml): name one or their folder with --tables"
        )
    return [_read(file) for file in files]


def _read(file: Path) -> Table:
    try:
        return Table(name=file.stem, **read_yaml(file))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        problem = fault["msg"].removeprefix("Value error, ")
        raise DataError(file, f"{where + ': ' if where else ''}{problem}") from error
    except TypeError as error:
        raise DataError(file, f"is no table: {' '.join(str(error).split())}") from error
