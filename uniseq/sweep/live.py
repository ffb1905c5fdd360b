"""A sweep at work: its launcher, and how it stands, on the terminal."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console
from rich.live import Live

from uniseq.errors import UniseqError
from uniseq.records.runs import Run, Runs
from uniseq.sweep.overview import Named, Survey, render, summary, survey

EVERY_S = 2.0


def quiet_launcher(config: DictConfig, context: HydraContext, task: TaskFunction) -> Launcher:
    """The launcher of the config, which leaves it to the overview to say what runs."""
    if not config.hydra.verbose:
        config.hydra.hydra_logging.root.level = "WARNING"
    return Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task, config=config
    )


def launch(launcher: Launcher, jobs: Sequence[list[str]], number: int) -> Sequence[JobReturn]:
    """Hand jobs, each a command line, to the launcher; they are numbered from ``number`` on.

    Raises:
        UniseqError: when the launcher itself fails; what a job raises comes back in its result.
    """
    try:
        return launcher.launch(jobs, number)
    except Exception as error:
        raise UniseqError(
            f"the launcher stopped: {type(error).__name__}: {error}".splitlines()[0]
            + "; was a process killed, for its memory say? The same command goes on from where "
            "each run was"
        ) from error


def faults(result: JobReturn) -> list[str]:
    """What a failed job says, line by line; nothing when it did not fail."""
    if result.status == JobStatus.COMPLETED:
        return []
    try:
        _ = result.return_value
    except Exception as error:
        return str(error).splitlines() or [type(error).__name__]
    return ["failed without a word"]


@contextmanager
def overview(runs: Runs, planned: Callable[[], Sequence[Named]], title: str) -> Iterator[None]:
    """Show how the sweep stands while it runs: a live table, or a line where it has changed.

    Args:
        runs: of the results folder.
        planned: gives the sweep's runs; a search learns of them one by one.
        title: for people.
    """
    console = Console()
    over = threading.Event()
    finished: dict[str, Run] = {}

    def look() -> Survey:
        return survey(runs, planned(), finished)

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
        console.print(f"{title}: {summary(look())}", highlight=False, soft_wrap=True)
