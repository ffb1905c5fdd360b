"""Launcher of a sweep: jobs are handed to it batch by batch, and their results come back."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import read_write

from uniseq.errors import UniseqError
from uniseq.sweep.request import SweepRequest
from uniseq.training.outcome import machines_fault

WAIT_S = 2.0

Job = TypeVar("Job")


def launch_all(
    request: SweepRequest,
    wanted: Callable[[], Sequence[tuple[Job, list[str]]] | None],
    settle: Callable[[Job, float | None, list[str]], None],
    longest_wait_s: float = WAIT_S,
) -> None:
    """Launch what is wanted until nothing is, and wait as long as others are at it.

    Args:
        request: of the sweep.
        wanted: gives jobs to be launched now, each with its command line; none when others are at
            all that is left, None when nothing is left.
        settle: is told of a job its result, None when another process is at it, and its faults, a
            line each.
        longest_wait_s: to which the wait grows from ``WAIT_S`` as long as nothing comes to an end.

    Raises:
        UniseqError: when the launcher itself fails.
    """
    launcher = quiet_launcher(request)
    number, wait = 0, WAIT_S
    while (todo := wanted()) is not None:
        idle = True
        size = request.max_batch_size or len(todo) or 1
        for start in range(0, len(todo), size):
            batch = todo[start : start + size]
            results = launch(launcher, [overrides for _, overrides in batch], number)
            number += len(batch)
            for (job, _), result in zip(batch, results, strict=True):
                lines = faults(result)
                value = None if lines else result.return_value
                idle &= value is None and not lines
                settle(job, value, lines)
        if idle:
            time.sleep(wait)
        wait = min(2 * wait, longest_wait_s) if idle else WAIT_S


def quiet_launcher(request: SweepRequest) -> Launcher:
    """The launcher of the config, which leaves it to the display to say what runs."""
    config = request.config.copy()
    if not config.hydra.verbose:
        root = config.hydra.hydra_logging.root
        with read_write(root):  # newer releases of Hydra lock their part of the config
            root.level = "WARNING"
    return Plugins.instance().instantiate_launcher(
        hydra_context=request.context, task_function=request.task, config=config
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
        lack = machines_fault(error)
        if lack is not None:
            return [f"{lack}; then the same command goes on where the run was"]
        return str(error).splitlines() or [type(error).__name__]
    return ["failed without a word"]
