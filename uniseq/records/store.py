"""Records on disk, written so that a reader never sees half of one."""

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from uniseq.errors import DataError
from uniseq.records.record import SCHEMA_VERSION, Record

RECORD = "record.json"
RANKS = "ranks.npz"
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
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
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
        DataError: when it cannot be read, is no record or has a newer layout.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(path, f"is no readable record: {error}; {REMEDY}") from error
    try:
        layout = content.get("schema")
        if layout != SCHEMA_VERSION:
            raise DataError(path, f"has layout {layout}, this version reads {SCHEMA_VERSION}")
        return Record(**content)
    except (AttributeError, TypeError) as error:  # JSON of another kind
        raise DataError(
            path, f"is not a record that this version reads: {error}; {REMEDY}"
        ) from error


def write_ranks(folder: Path, masked: np.ndarray, unmasked: np.ndarray) -> Path:
    """Write each test user's rank under both conventions, in the order of the data set."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, masked=masked.astype(np.int32), unmasked=unmasked.astype(np.int32))
    path = folder / RANKS
    write_atomically(path, buffer.getvalue())
    return path
