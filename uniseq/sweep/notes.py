"""Which runs belong to a sweep, written down for those who look from outside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uniseq.errors import DataError
from uniseq.records.folders import SWEEPS
from uniseq.records.store import write_atomically
from uniseq.sweep.survey import Named


@dataclass(frozen=True, slots=True)
class Noted:
    """A run that a sweep has planned."""

    id: str
    name: str


def keep_plan(
    root: Path, file: str, title: str, command: Sequence[str], runs: Sequence[Named]
) -> Path:
    """Write down the runs of a sweep, for ``python -m uniseq.status``; gives the file."""
    content = {
        "name": title,
        "command": list(command),
        "runs": [{"id": each.id, "name": each.name} for each in runs],
    }
    path = root / SWEEPS / f"{file}.json"
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
    return path


def read_plan(path: Path) -> tuple[str, list[Noted]]:
    """A sweep's title with its command, and its runs.

    Raises:
        DataError: when the file holds something else.
    """
    try:
        content = json.loads(path.read_text())
        command = " ".join(content["command"])
        return f"{content['name']}  ({command})", [Noted(**run) for run in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(path, f"is no plan of a sweep: {error}; delete it") from error
