"""Journal of a study: the file that any process may read and append to."""

import os
from pathlib import Path

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

from uniseq.errors import DataError


def open_journal(path: Path, lock: Path) -> JournalStorage:
    """The journal in a file, which is made where there is none.

    Args:
        path: of the journal.
        lock: a file that is held while the journal is written to.

    Raises:
        DataError: when it cannot be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    system_lock = _SystemLock(lock)
    with system_lock.lock:
        _mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=system_lock))
    except (ValueError, KeyError, TypeError) as error:
        problem = f"is no journal of a search: {error}; delete it, the runs are kept"
        raise DataError(path, problem) from error


class _SystemLock(JournalFileOpenLock):
    """A lock that the operating system takes back from a process that is killed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(path)

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


def _mend(path: Path) -> None:
    """Cut off a last line that was not written to its end; the caller holds the lock."""
    if not path.exists():
        return
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
