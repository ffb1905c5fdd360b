"""Grid: the sweep that hands every run that is not over to the launcher."""

import hashlib
import sys
from collections.abc import Sequence

from uniseq.errors import UniseqError
from uniseq.records.folders import Run, Runs
from uniseq.sweep.display import displayed
from uniseq.sweep.launch import launch_all
from uniseq.sweep.plan import Job, Planner
from uniseq.sweep.request import SweepRequest
from uniseq.sweep.survey import PlannedRun, keep_plan
from uniseq.sweep.worker import is_over


def sweep(request: SweepRequest) -> list[float | None]:
    """Plan, say what is done already, run the rest, and wait for what other sweeps are at.

    Returns:
        The best watched figure of each planned run, None for one that failed.

    Raises:
        UniseqError: before the first run on a fault of the command line; after the last one when
            runs failed, a line each.
    """
    plan = Planner(request).plan()
    root = request.results_folder()
    title = str(request.config.hydra.runtime.choices.get("experiment") or "sweep")
    ids = hashlib.sha256(" ".join(each.id for each in plan.runs).encode()).hexdigest()[:8]
    keep_plan(root, f"{title.replace('/', '-')}-{ids}", title, sys.argv[1:], plan.runs)
    for line in plan.left_out:
        print(f"left out: {line}")
    runs = Runs(root)
    standing = _Standing(runs, plan.runs)
    with displayed(runs, lambda: plan.runs, title, standing.settled):
        launch_all(request, standing.wanted, standing.settle)
    if standing.lines:
        raise UniseqError("\n".join(standing.lines))
    return [standing.values[each.id] for each in plan.runs]


class _Standing:
    """What has come of the runs of a plan so far: a figure, None where one failed, and why."""

    def __init__(self, runs: Runs, jobs: Sequence[Job]) -> None:
        self.runs = runs
        self.jobs = {job.id: job for job in jobs}
        self.values: dict[str, float | None] = {}
        self.lines: list[str] = []

    def wanted(self) -> list[tuple[Job, list[str]]] | None:
        """What nobody is at; None when nothing is left."""
        todo = [job for job in self.jobs.values() if job.id not in self.values and self._free(job)]
        if len(self.values) == len(self.jobs):
            return None
        return [(job, job.overrides) for job in todo]

    def _free(self, job: Job) -> bool:
        """Whether the run is to be done now; notes it where it is over, or damaged."""
        run = self.runs.read(job.id, job.name)
        if is_over(run, job.config):
            assert run.record is not None
            self.values[job.id] = run.record.best
        elif run.fault is not None:
            self.values[job.id] = None
            self.lines.append(run.fault)
        return job.id not in self.values and run.state != "running"

    def settle(self, job: Job, value: float | None, faults: list[str]) -> None:
        """Note how a run ended; one that another process is at stays open."""
        if faults:
            name = self.runs.folder(job.id, job.name).name
            self.lines += [f"{name}: {line}" for line in faults]
        if faults or value is not None:
            self.values[job.id] = value

    def settled(self, each: PlannedRun, run: Run) -> bool:
        """Whether nothing more is to be done for a run."""
        return each.id in self.values or is_over(run, self.jobs[each.id].config)
