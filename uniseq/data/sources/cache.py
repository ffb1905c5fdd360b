"""Prepared logs on disk: written once, mapped into memory by every run that asks again.

Below ``UNISEQ_CACHE_DIR``:

- ``logs/<fingerprint>/``: the arrays of a prepared log as ``.npy`` and its ``statistics.json``.
  The fingerprint is the sha256 of the arrays, so raw files that hold the same interactions in
  another order share one folder, byte for byte.
- ``logs/keys/<key>.json``: which of them a raw file gives under some settings, and what was met on
  the way.
- ``generated/<key>/``: the arrays of a generated log, under the hash of the generator's arguments.
"""

import hashlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from uniseq.data.sequences import Sequences
from uniseq.data.sources.download import cache_dir
from uniseq.data.statistics import statistics
from uniseq.errors import DataError

SUMS = "checksums.json"
ARRAYS = ("items", "offsets", "times", "item_ids", "user_ids")


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was met on the way from a raw file to its sequences.

    Args:
        lines: lines that could be used and lie in the reader's range.
        duplicates: interactions left out because user, item and time were there already.
        bad_lines: lines skipped.
        first_bad_line: the first of them, in words; empty where there is none.
    """

    lines: int
    duplicates: int
    bad_lines: int
    first_bad_line: str


def prepared_once(
    key: str, prepare: Callable[[], tuple[Sequences, Preparation]]
) -> tuple[Sequences, Preparation]:
    """What ``prepare`` gives, from disk unless this is the first time for the key.

    Processes that start at once wait for the first of them.

    Args:
        key: hash of everything that determines the outcome.
        prepare: makes the sequences, with times. Their fingerprint is filled in here.

    Returns:
        The sequences, memory-mapped, and how they came about.

    Raises:
        DataError: when the cache cannot be written, or is damaged.
    """
    root = cache_dir() / "logs"
    entry = root / "keys" / f"{key}.json"
    with _locked(root, entry):
        if not (entry.is_file() and _folder(root, entry).is_dir()):
            sequences, preparation = prepare()
            fingerprint = _write(root, sequences)
            found = {"fingerprint": fingerprint, "name": sequences.name, **asdict(preparation)}
            _replace(entry, json.dumps(found, indent=1))
        return _read(root, entry)


def generated_once(
    key: str, needed: int, write: Callable[[Path], None], names: Iterable[str]
) -> dict[str, np.ndarray]:
    """The arrays that ``write`` saves, from disk unless this is the first time for the key.

    Processes that start at once wait for the first of them. One that is interrupted leaves
    nothing that a later one would read.

    Args:
        key: hash of everything that determines the arrays.
        needed: bytes that they take on disk, about.
        write: saves each array as ``<name>.npy`` in the folder it is given.
        names: of the arrays.

    Returns:
        The arrays by name, memory-mapped.

    Raises:
        DataError: when the cache cannot be written, has no room for them, or is damaged.
    """
    root = cache_dir() / "generated"
    folder = root / key
    with _locked(root, folder):
        if not folder.is_dir():
            unfinished = root / f"{key}.part"
            shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
            free = shutil.disk_usage(root).free
            if needed > free:
                raise DataError(
                    root,
                    f"has {free / 1e9:.1f} GB free, and the generated log takes {needed / 1e9:.1f} "
                    "GB; ask for fewer users, or set UNISEQ_CACHE_DIR to a folder with more room",
                )
            try:
                unfinished.mkdir()
                write(unfinished)
                sums = {path.name: _checksum(path) for path in unfinished.glob("*.npy")}
                (unfinished / SUMS).write_text(json.dumps(sums), encoding="utf-8")
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        arrays = _mapped(folder, names)
        _check_sums(folder)
        return arrays


def save_in_parts(path: Path, dtype: np.dtype, length: int, parts: Iterable[np.ndarray]) -> None:
    """Write a flat array as ``.npy`` part by part, never holding more than one.

    Args:
        path: the file.
        dtype: of every part.
        length: of all parts together.
        parts: contiguous.
    """
    with path.open("wb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": (int(length),)}
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part.data)


def fingerprint_of(sequences: Sequences) -> str:
    """The sha256 of names, types, shapes and bytes of the arrays."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        array = np.ascontiguousarray(getattr(sequences, name))
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.view(np.uint8).data)
    return digest.hexdigest()


def _fingerprint_of_files(folder: Path) -> str:
    """The same of a folder's arrays, which are read in pieces and not mapped into memory."""
    digest = hashlib.sha256()
    for name in ARRAYS:
        with (folder / f"{name}.npy").open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            digest.update(f"{name} {dtype.str} {shape}\n".encode())
            while piece := file.read(2**20):
                digest.update(piece)
    return digest.hexdigest()


def _checksum(path: Path) -> int:
    """The CRC-32 of a file: a generated log may be large, and its key is not of its content."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            crc = zlib.crc32(piece, crc)
    return crc


def _check_sums(folder: Path) -> None:
    """Refuse a generated log that is not what was written; one of a former version has no sums."""
    try:
        sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
        damaged = [name for name, crc in sums.items() if _checksum(folder / name) != crc]
    except FileNotFoundError:
        return
    except (ValueError, AttributeError):
        damaged = [SUMS]
    if damaged:
        raise DataError(
            folder, f"is damaged ({', '.join(damaged)}); remove the folder, it is made again"
        )


@contextmanager
def _locked(root: Path, entry: Path) -> Iterator[None]:
    """For one process at a time; what the system refuses is the cache's fault."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.with_suffix(".lock")):
            yield
    except OSError as error:
        raise DataError(
            root, f"cannot be used as a cache: {error.strerror or error}; set UNISEQ_CACHE_DIR"
        ) from error


def _folder(root: Path, entry: Path) -> Path:
    return root / str(json.loads(entry.read_text(encoding="utf-8"))["fingerprint"])


def _write(root: Path, sequences: Sequences) -> str:
    fingerprint = fingerprint_of(sequences)
    folder = root / fingerprint
    if folder.is_dir():  # another raw file with the same interactions
        return fingerprint
    temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{fingerprint[:8]}."))
    try:
        for name in ARRAYS:
            np.save(temporary / f"{name}.npy", getattr(sequences, name))
        (temporary / "statistics.json").write_text(
            json.dumps(asdict(statistics(sequences))), encoding="utf-8"
        )
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else a process with another key has just written the same
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return fingerprint


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")  # its one writer holds the lock
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _read(root: Path, entry: Path) -> tuple[Sequences, Preparation]:
    found = json.loads(entry.read_text(encoding="utf-8"))
    folder = root / found["fingerprint"]
    arrays = _mapped(folder, ARRAYS)
    if _fingerprint_of_files(folder) != found["fingerprint"]:
        raise DataError(
            folder, "is damaged: its arrays are not those of its name; remove it, it is made again"
        )
    known = {name: found[name] for name in Preparation.__dataclass_fields__}
    sequences = Sequences(found["name"], fingerprint=found["fingerprint"], **arrays)
    return sequences, Preparation(**known)


def _mapped(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays of a folder by name."""
    try:
        # Plain arrays over the mapped files: numpy's memmap class slows each slice down.
        return {
            name: np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in names
        }
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            folder, f"is damaged ({error}); remove the folder, it is made again"
        ) from error
