"""Survey of a sweep: its runs, written down for those who look on, and how each of them stands."""

import json
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uniseq.errors import DataError, printable
from uniseq.records.folders import SWEEPS, Run, Runs, State
from uniseq.records.names import single_part
from uniseq.records.store import write_atomically

ORDER: tuple[State, ...] = (
    *("finished", "pruned", "running", "failed", "cut off", "unreadable", "waiting"),
)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that a sweep has planned.

    Args:
        id: see :func:`uniseq.records.identity.run_id`.
        name: of its folder, for people.
    """

    id: str
    name: str


def keep_plan(
    root: Path, file: str, title: str, command: Sequence[str], runs: Sequence[PlannedRun]
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


def read_plan(path: Path) -> tuple[str, list[PlannedRun]]:
    """A sweep's title with its command, and its runs.

    Raises:
        DataError: when the file holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        title = printable(f"{content['name']}  ({' '.join(content['command'])})")
        return title, [_planned(**run) for run in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(path, f"is no plan of a sweep: {error}; delete it") from error


def _planned(id: str, name: str) -> PlannedRun:
    if not id.replace("-", "").isalnum():  # a run to come is numbered after its search
        raise ValueError(f"{id!r:.80} is no id of a run")
    return PlannedRun(single_part(id), single_part(name))


@dataclass(frozen=True, slots=True)
class Survey:
    """All runs of a sweep as they stand, in its order.

    Args:
        runs: as they stand.
        seconds_left: until all are over, as far as those that are over tell; None when none is.
    """

    runs: list[Run]
    seconds_left: float | None

    @property
    def counts(self) -> dict[State, int]:
        """Runs by state, those that occur."""
        found = Counter(run.state for run in self.runs)
        return {state: found[state] for state in ORDER if found[state]}


def is_settled(each: PlannedRun, run: Run) -> bool:
    """Whether a run, as it stands, is no more to be done, as far as its state tells."""
    return run.state in ("finished", "pruned")


def survey(
    runs: Runs,
    planned: Sequence[PlannedRun],
    finished: dict[str, Run] | None = None,
    settled: Callable[[PlannedRun, Run], bool] = is_settled,
) -> Survey:
    """Look at each run on the disk.

    Args:
        runs: of the results folder.
        planned: those to look at.
        finished: runs known to be finished, which are not read again; new ones are added.
        settled: whether the sweep has nothing more to do for a run. One that another sweep has
            given up, or that lacks measurements, is shown as waiting.
    """
    known = {} if finished is None else finished
    found: list[Run] = []
    waiting = 0
    for each in planned:
        run = known.get(each.id) or runs.read(each.id, each.name)
        over = settled(each, run)
        if not over and run.state in ("finished", "pruned"):
            run = replace(run, state="waiting", record=None)
        if over and run.state == "finished":
            known[each.id] = run
        waiting += not over and run.state not in ("running", "unreadable")
        found.append(run)
    return Survey(found, _seconds_left(found, waiting))


def _seconds_left(found: Sequence[Run], waiting: int) -> float | None:
    """Shared by as many processes as work now."""
    over = [run.record for run in found if run.state in ("finished", "pruned") and run.record]
    working = [run for run in found if run.state == "running"]
    if not working and not waiting:
        return 0.0
    if not over:
        return None
    epochs = statistics.median(len(record.epochs) for record in over)
    took = statistics.median(
        sum(sum(epoch.values()) for epoch in record.timings.get("epochs", [])) for record in over
    )
    seconds = took * waiting
    for run in working:
        progress = run.progress or {}
        pace = progress.get("seconds_an_epoch") or took / max(1, epochs)
        seconds += pace * max(1, epochs - progress.get("epochs", 0))
    return seconds / max(1, len(working))
