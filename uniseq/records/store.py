"""Records on disk, written so that a reader never sees half of one."""

import json
import os
import tempfile
from pathlib import Path

from uniseq.errors import DataError
from uniseq.records.record import SCHEMA_VERSION, Record

RECORD = "record.json"
REMEDY = "restore it, or delete it and start its sweep again"


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target and rename, so that the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink()
        if isinstance(error, OSError) and error.errno and error.filename is None:  # a full disk
            error.filename = str(path)
        raise


def write_record(folder: Path, record: Record) -> Path:
    """Write ``record.json`` into the run's folder and return its path."""
    path = folder / RECORD
    write_atomically(path, record.to_json().encode())
    return path


def find_record(path: Path) -> Path:
    """The record that a path names: the file itself, or that of a run's folder."""
    return path / RECORD if path.is_dir() else path


def read_record(path: Path) -> Record:
    """The record in a file.

    Raises:
        DataError: when it cannot be read, is no record or has a newer layout; it names the key.
    """
    from uniseq.records.shape import ShapeError, check_shape  # a run that begins reads none

    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        json.dumps(content, ensure_ascii=False).encode()  # refuses half of a pair of surrogates
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(path, f"is no readable record: {error}; {REMEDY}") from error
    layout = content.get("schema") if isinstance(content, dict) else None
    if isinstance(content, dict) and layout != SCHEMA_VERSION:
        raise DataError(path, f"has layout {layout!r:.80}, this version reads {SCHEMA_VERSION}")
    try:
        check_shape(content)
    except ShapeError as error:
        raise DataError(
            path, f"is not a record that this version reads: {error}; {REMEDY}"
        ) from error
    return Record(**content)


def read_finished(path: Path) -> Record:
    """The record in a file, which must be of a finished run.

    Raises:
        DataError: when it is not, or cannot be read.
    """
    record = read_record(path)
    if record.status != "finished":
        raise DataError(path, f"is of a run that is {record.status}: only a finished one will do")
    require_whole(path, record)
    return record


def require_same_data(path: Path, record: Record, fingerprint: str, key: str) -> None:
    """Refuse other data than those a record is of.

    Args:
        path: of the record.
        record: of a run that is used again.
        fingerprint: of the data here.
        key: with which the folder of the files is named.

    Raises:
        DataError: when they differ.
    """
    recorded = record.dataset["fingerprint"]
    if fingerprint != recorded:
        raise DataError(
            path,
            f"was trained on data {recorded}, here they are {fingerprint}: get the same files and "
            f"name their folder with {key}",
        )


def require_whole(path: Path, record: Record) -> None:
    """Refuse a record of a finished run that lacks what every finished run has.

    Raises:
        DataError: naming what is not there.
    """
    from uniseq.records.shape import ShapeError, check_finished

    try:
        if record.status == "finished":
            check_finished(record)
    except ShapeError as error:
        raise DataError(path, f"is no whole record: {error}; {REMEDY}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
