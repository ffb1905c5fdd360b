"""How a sweep stands: what is done, runs, failed, is best, and when it will be over."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from uniseq.formatting import duration
from uniseq.records.folders import Run, Runs, State

ORDER: tuple[State, ...] = (
    *("finished", "pruned", "running", "failed", "cut off", "unreadable", "waiting"),
)

SIGNALS = ("KeyboardInterrupt", "SystemExit", "SIGTERMException")


class Named(Protocol):
    """What tells a run: its id, and the name of its folder."""

    @property
    def id(self) -> str:
        """See :func:`uniseq.records.identity.run_id`."""
        ...

    @property
    def name(self) -> str:
        """For people."""
        ...


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


def is_settled(each: Named, run: Run) -> bool:
    """Whether a run, as it stands, is no more to be done, as far as its state tells."""
    return run.state in ("finished", "pruned")


def survey(
    runs: Runs,
    planned: Sequence[Named],
    finished: dict[str, Run] | None = None,
    settled: Callable[[Named, Run], bool] = is_settled,
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


def best(run: Run) -> tuple[str, float] | None:
    """The watched figure and the best value of it, of a run that has one."""
    if run.record is not None and run.record.epochs:
        return run.record.watched, run.record.best
    if run.progress is not None and run.progress["best"] is not None:
        return run.progress["watched"], run.progress["best"]
    return None


def summary(found: Survey) -> str:
    """One line: counts, the best run, the time left."""
    parts = [f"{count} {state}" for state, count in found.counts.items()]
    known = {
        run.folder.name: figure
        for run in found.runs
        if (figure := best(run)) and run.state != "pruned"
    }
    if known:
        name, (watched, value) = max(known.items(), key=lambda item: item[1][1])
        parts.append(f"best {watched} {value:.4f} by {name}")
    if found.seconds_left:
        parts.append(f"about {duration(found.seconds_left)} left")
    return "; ".join(parts)


def render(found: Survey, title: str) -> RenderableType:
    """A table of what runs and what failed, above the summary; the rest is only counted."""
    table = Table("run", "state", title=title, expand=False)
    for column in ("epoch", "best", "s an epoch"):
        table.add_column(column, justify="right")
    for run in found.runs:
        if run.state in ("finished", "pruned", "waiting"):
            continue
        progress = run.progress or {}
        value = best(run)
        seconds = progress.get("seconds_an_epoch")
        table.add_row(
            run.folder.name,
            run.state,
            f"{progress['epochs']}" if "epochs" in progress else "",
            f"{value[1]:.4f}" if value else "",
            f"{seconds:.1f}" if seconds else "",
        )
        if run.fault is not None:
            table.add_row(Text(f"  {run.fault}", style="red"))
        error = None if run.record is None else run.record.error
        if error is not None and error["type"] not in SIGNALS:
            table.add_row(Text(f"  {error['type']}: {error['message']}", style="red"))
    line = Text(summary(found))
    return Group(table, line) if table.row_count else Group(Text(title, style="bold"), line)


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
        sum(sum(epoch.values()) for epoch in record.timings["epochs"]) for record in over
    )
    seconds = took * waiting
    for run in working:
        progress = run.progress or {}
        pace = progress.get("seconds_an_epoch") or took / epochs
        seconds += pace * max(1, epochs - progress.get("epochs", 0))
    return seconds / max(1, len(working))
