"""Table files: YAML of a table each, checked as it is read."""

import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from uniseq.errors import DataError
from uniseq.report.tables import Table


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as Hydra does; to YAML 1.1 it is a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


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
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
        return Table(name=file.stem, **content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        problem = fault["msg"].removeprefix("Value error, ")
        raise DataError(file, f"{where + ': ' if where else ''}{problem}") from error
    except (OSError, TypeError, yaml.YAMLError) as error:
        raise DataError(file, f"is no table: {' '.join(str(error).split())}") from error
