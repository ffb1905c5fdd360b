"""Folders of runs: one each in a results folder, found by what determines the result."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from uniseq.errors import DataError
from uniseq.records.record import Record
from uniseq.records.store import RECORD, read_record, write_atomically

State = Literal["waiting", "running", "cut off", "failed", "pruned", "finished", "unreadable"]

PROGRESS = "progress.json"
LAST = Path("checkpoints", "last.ckpt")
# What is shown of it.
SHOWN: dict[str, Any] = {
    "epochs": int,
    "watched": str,
    "best": float | int | None,
    "seconds_an_epoch": float | int | None,
}
LOCKS = ".locks"
SWEEPS = ".sweeps"
# A look at a lock holds it for an instant, which must not pass for a run in progress.
PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it stands on the disk.

    Args:
        id: see :func:`uniseq.records.identity.run_id`.
        state: ``running`` when a process holds it; ``cut off`` when none does and it is not over;
            ``unreadable`` when what it left is damaged.
        folder: where its files are, or will be.
        record: what it left, when it is over.
        progress: what it says of itself while it is not.
        fault: what is damaged, and what to do.
    """

    id: str
    state: State
    folder: Path
    record: Record | None = None
    progress: dict[str, Any] | None = None
    fault: str | None = None


class Runs:
    """The runs below a results folder, ``FOLDER/NAME-ID/record.json``.

    A process that works on a run holds a lock that the operating system takes back when the
    process ends, however it ends.

    Args:
        root: the results folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, id: str, name: str) -> Path:
        """The run's folder: the one that is there, under whatever name, or the one to make."""
        return next(self.root.glob(f"*-{id}"), self.root / f"{name}-{id}")

    @contextmanager
    def claim(self, id: str) -> Iterator[bool]:
        """Work on a run alone; gives False when another process does already."""
        if self._lock_path(id).is_dir():  # nobody can hold it
            set_aside(self._lock_path(id))
        lock = self._lock(id)
        try:
            lock.acquire(timeout=PATIENCE_S, poll_interval=0.05)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def claimed(self, id: str) -> bool:
        """Whether a process works on the run now; for those who may only read."""
        try:
            with self._lock_path(id).open("rb") as lock:
                return _is_held(lock.fileno())
        except OSError:  # it is not there, or is none
            return False

    def read(self, id: str, name: str) -> Run:
        """The run as it stands, seen from outside."""
        # Asked first: a run that ends in between has its record by the time it is looked for.
        return self._seen(id, name, running=self.claimed(id))

    def at_rest(self, id: str, name: str) -> Run:
        """The run as its files are; for the process that has claimed it, or when none has."""
        return self._seen(id, name, running=False)

    def _seen(self, id: str, name: str, *, running: bool) -> Run:
        folder = self.folder(id, name)
        try:
            progress = _progress(folder)
            if running:
                return Run(id, "running", folder, progress=progress)
            if not (folder / RECORD).exists():
                begun = progress is not None or (folder / LAST).exists()
                return Run(id, "cut off" if begun else "waiting", folder, progress=progress)
            record = read_record(folder / RECORD)
        except DataError as error:  # it does not hide the others
            return Run(id, "unreadable", folder, fault=str(error))
        state: State = "cut off" if record.status == "interrupted" else record.status
        return Run(id, state, folder, record, progress)

    def _lock_path(self, id: str) -> Path:
        return self.root / LOCKS / id

    def _lock(self, id: str) -> FileLock:
        path = self._lock_path(id)
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)


def _is_held(lock: int) -> bool:
    """Whether a process holds a lock, asked of a file that is open to be read alone."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False  # closing the file lets it go


def write_progress(folder: Path, progress: dict[str, Any]) -> None:
    """Say how far a run is, for those who look from outside."""
    write_atomically(folder / PROGRESS, (json.dumps(progress) + "\n").encode())


def _progress(folder: Path) -> dict[str, Any] | None:
    """What a run says of itself; None where it is torn, as it is only for show."""
    try:
        content = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if _is_progress(content) else None


def _is_progress(content: Any) -> bool:
    """Whether what it says of a run can be shown; a file of another shape says nothing."""
    return isinstance(content, dict) and all(
        isinstance(content[key], kind) for key, kind in SHOWN.items() if key in content
    )


def set_aside(path: Path) -> Path:
    """Rename what is damaged, to a name that nothing looks for; gives the new one."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)
