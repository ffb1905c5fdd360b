"""The sweep over a grid: every run that is not over is handed to the launcher."""

import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from uniseq.config.paths import make_folder
from uniseq.errors import UniseqError
from uniseq.records.folders import Run, Runs
from uniseq.startup import load_trainer
from uniseq.sweep.launch import EVERY_S, check_sweep, faults, launch, overview, quiet_launcher
from uniseq.sweep.notes import keep_plan
from uniseq.sweep.plan import Planned, Planner
from uniseq.sweep.survey import Named
from uniseq.sweep.worker import is_over


def sweep(
    arguments: list[str],
    config: DictConfig,
    context: HydraContext,
    task: TaskFunction,
    params: Mapping[str, Any],
    search: Mapping[str, Any],
    leave_out: Sequence[str],
    max_batch_size: int | None,
) -> list[float | None]:
    """Plan, say what is done already, run the rest, and wait for what other sweeps are at.

    Returns:
        The best watched figure of each planned run, None for one that failed.

    Raises:
        UniseqError: before the first run on a fault of the command line; after the last one when
            runs failed, a line each.
    """
    check_sweep(max_batch_size, config)
    load_trainer()
    plan = Planner(context.config_loader, config).plan(arguments, params, search, leave_out)
    root = make_folder(Path(config.hydra.sweep.dir), "results_dir")
    runs = Runs(root)
    title = str(config.hydra.runtime.choices.get("experiment") or "sweep")
    ids = hashlib.sha256(" ".join(each.id for each in plan.runs).encode()).hexdigest()[:8]
    keep_plan(root, f"{title}-{ids}", title, sys.argv[1:], plan.runs)
    for line in plan.left_out:
        print(f"left out: {line}")
    launcher = quiet_launcher(config, context, task)
    values: dict[str, float | None] = {}
    lines: list[str] = []
    number = 0
    configs = {each.id: each.config for each in plan.runs}

    def settled(each: Named, run: Run) -> bool:
        return each.id in values or is_over(run, configs[each.id])

    with overview(runs, lambda: plan.runs, title, settled):
        while remaining := [each for each in plan.runs if each.id not in values]:
            todo = _skim(runs, remaining, values, lines)
            size = max_batch_size or len(todo) or 1
            for start in range(0, len(todo), size):
                batch = todo[start : start + size]
                results = launch(launcher, [each.overrides for each in batch], number)
                number += len(batch)
                for each, result in zip(batch, results, strict=True):
                    if result.status != JobStatus.COMPLETED:
                        values[each.id] = None
                        name = runs.folder(each.id, each.name).name
                        lines += [f"{name}: {line}" for line in faults(result)]
                    elif result.return_value is not None:  # else another process is at it
                        values[each.id] = result.return_value
            if any(each.id not in values for each in remaining):
                time.sleep(EVERY_S)  # another sweep is at them
    if lines:
        raise UniseqError("\n".join(lines))
    return [values[each.id] for each in plan.runs]


def _skim(
    runs: Runs,
    remaining: Sequence[Planned],
    values: dict[str, float | None],
    lines: list[str],
) -> list[Planned]:
    """Note what is over, and what is damaged, and give what nobody is at."""
    todo = []
    for each in remaining:
        run = runs.read(each.id, each.name)
        if is_over(run, each.config):
            assert run.record is not None
            values[each.id] = run.record.best
        elif run.fault is not None:
            values[each.id] = None
            lines.append(run.fault)
        elif run.state != "running":
            todo.append(each)
    return todo
