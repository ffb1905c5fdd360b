"""Ranks on disk of each test user; a stranger's file is bounded and runs nothing.

``ranks.npz`` is NumPy's zip of two arrays. It is read by its headers, so that nothing is unpacked
but integers, as many as the record has users.
"""

import io
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from uniseq.errors import DataError
from uniseq.records.store import write_atomically

RANKS = "ranks.npz"
WIDEST = 8  # bytes of an integer
HEADER = 2**12  # bytes; NumPy writes 128

UNREADABLE = (
    *(OSError, EOFError, KeyError, ValueError, SyntaxError, RuntimeError, NotImplementedError),
    *(TypeError, RecursionError, MemoryError, tokenize.TokenError, struct.error),
    *(zipfile.BadZipFile, zlib.error),
)


def write_ranks(folder: Path, masked: np.ndarray, unmasked: np.ndarray) -> Path:
    """Write each test user's rank under both conventions, in the order of the data set."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, masked=masked.astype(np.int32), unmasked=unmasked.astype(np.int32))
    path = folder / RANKS
    write_atomically(path, buffer.getvalue())
    return path


def read_ranks(path: Path, history: str, users: int) -> NDArray[Any]:
    """Each test user's rank under a convention. Shape (B,).

    Args:
        path: a file of ranks.
        history: ``masked`` or ``unmasked``.
        users: how many the record has, B.

    Raises:
        DataError: when it cannot be read, or has others than so many ranks from 1.
    """
    try:
        with zipfile.ZipFile(path) as file:
            member = file.getinfo(f"{history}.npy")
            if member.file_size > HEADER + WIDEST * users:
                raise ValueError(
                    f"{history} unpacks to {member.file_size} bytes, too many for {users} users"
                )
            ranks = _integers(io.BytesIO(file.read(member)))
    except UNREADABLE as error:
        raise DataError(path, f"has no readable ranks: {error}") from error
    if len(ranks) != users:
        raise DataError(path, f"has {len(ranks)} ranks, its record {users} ranked users")
    if users and ranks.min() < 1:
        raise DataError(path, f"has the rank {ranks.min()}; ranks are counted from 1")
    return ranks


def _integers(file: io.BytesIO) -> NDArray[Any]:
    """What follows the header, which must be of whole numbers in one row."""
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"format {version} is not that of ranks")
    shape, _, dtype = read(file, max_header_size=HEADER)
    if dtype.kind not in "iu" or len(shape) != 1:
        raise ValueError(f"{dtype} of shape {shape} are no ranks")
    ranks: NDArray[Any] = np.frombuffer(file.read(), dtype)
    if len(ranks) != shape[0]:
        raise ValueError(f"the header says {shape[0]} ranks, there are {len(ranks)}")
    return ranks
