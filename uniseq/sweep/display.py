"""Display of a sweep on the terminal: a live table, or a line where it has changed."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from uniseq.errors import printable
from uniseq.formatting import duration
from uniseq.records.folders import Run, Runs
from uniseq.sweep.survey import PlannedRun, Survey, is_settled, survey

EVERY_S = 2.0

# What ends a run from outside is shown by its state alone.
SIGNALS = ("KeyboardInterrupt", "SystemExit", "SIGTERMException", "Terminated")


@contextmanager
def displayed(
    runs: Runs,
    planned: Callable[[], Sequence[PlannedRun]],
    title: str,
    settled: Callable[[PlannedRun, Run], bool] = is_settled,
) -> Iterator[None]:
    """Show how a sweep stands as long as the context lasts, and once more at its end.

    Args:
        runs: of the results folder.
        planned: gives the sweep's runs; a search learns of them one by one.
        title: for people.
        settled: whether the sweep has nothing more to do for a run.
    """
    console = Console(markup=False, emoji=False)
    over = threading.Event()
    finished: dict[str, Run] = {}

    def look() -> Survey:
        return survey(runs, planned(), finished, settled)

    def lines() -> None:
        before: Any = None
        while True:
            found = look()
            states = [run.state for run in found.runs]
            if states != before:
                console.print(f"{title}: {summary(found)}", highlight=False, soft_wrap=True)
            before = states
            if over.wait(EVERY_S):
                return

    def table() -> None:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(render(look(), title), refresh=True)
                if over.wait(EVERY_S):
                    return

    watching = threading.Thread(target=table if console.is_terminal else lines, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        ended = replace(look(), seconds_left=None)
        console.print(f"{title}: {summary(ended)}", highlight=False, soft_wrap=True)


def summary(found: Survey) -> str:
    """One line: counts, the best run, the time left."""
    parts = [f"{count} {state}" for state, count in found.counts.items()]
    known = {
        run.folder.name: figure
        for run in found.runs
        if (figure := _best(run)) and run.state != "pruned"
    }
    if known:
        name, (watched, value) = max(known.items(), key=lambda item: item[1][1])
        parts.append(f"best {watched} {value:.4f} by {name}")
    if found.seconds_left:
        parts.append(f"about {duration(found.seconds_left)} left")
    return printable("; ".join(parts))


def render(found: Survey, title: str) -> RenderableType:
    """A table of what runs and what failed, above the summary; the rest is only counted."""
    table = Table("run", "state", title=title, expand=False)
    for column in ("epoch", "best", "s an epoch"):
        table.add_column(column, justify="right")
    for run in found.runs:
        if run.state in ("finished", "pruned", "waiting"):
            continue
        progress = run.progress or {}
        value = _best(run)
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
            words = f"{error['type']}: {error['message']}".split("\n")
            table.add_row(Text("  " + "\n".join(map(printable, words)), style="red"))
    line = Text(summary(found))
    return Group(table, line) if table.row_count else Group(Text(title, style="bold"), line)


def _best(run: Run) -> tuple[str, float] | None:
    """The watched figure and the best value of it, of a run that has one."""
    if run.record is not None and run.record.validated:
        return run.record.watched, run.record.best
    if run.progress is not None and None not in map(run.progress.get, ("watched", "best")):
        return run.progress["watched"], run.progress["best"]
    return None
