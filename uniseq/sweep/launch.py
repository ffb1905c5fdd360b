"""A sweep at work: its launcher, and how it stands, on the terminal."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console
from rich.live import Live

from uniseq.errors import ConfigError, UniseqError, nearest
from uniseq.records.folders import Run, Runs
from uniseq.sweep.survey import Named, Survey, is_settled, render, summary, survey

EVERY_S = 2.0
OPTIONS = ("params", "search", "leave_out", "max_batch_size")


def check_options(options: Mapping[str, Any], others: Iterable[str] = ()) -> None:
    """Refuse a key of the sweeper that it does not have.

    Args:
        options: the sweeper's part of the config.
        others: keys that it has besides those of every sweeper.

    Raises:
        ConfigError: naming the key and the nearest one.
    """
    known = [*OPTIONS, *others]
    for key in options:
        if key not in known:
            problem = f"there is no such key{nearest(key, known)}"
            raise ConfigError(f"hydra.sweeper.{key}", problem)


def check_sweep(max_batch_size: int | None, config: DictConfig) -> None:
    """Refuse what a sweep would never come to the end of.

    Raises:
        ConfigError: naming it.
    """
    if config.hydra.launcher.get("n_jobs") == 0:
        key = "hydra.launcher.n_jobs"
        raise ConfigError(key, "must be the number of processes, or -1 for one a core, not 0")
    if max_batch_size is not None and max_batch_size < 1:
        key = "hydra.sweeper.max_batch_size"
        raise ConfigError(key, f"must be at least 1, or null for no limit, not {max_batch_size}")
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError(
            "--multirun",
            f"was started by {os.environ['WORLD_SIZE']} processes at once, such as torchrun's: "
            "start one process, and let hydra/launcher start the others",
        )


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
def overview(
    runs: Runs,
    planned: Callable[[], Sequence[Named]],
    title: str,
    settled: Callable[[Named, Run], bool] = is_settled,
) -> Iterator[None]:
    """Show how the sweep stands while it runs: a live table, or a line where it has changed.

    Args:
        runs: of the results folder.
        planned: gives the sweep's runs; a search learns of them one by one.
        title: for people.
        settled: whether the sweep has nothing more to do for a run.
    """
    console = Console()
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
