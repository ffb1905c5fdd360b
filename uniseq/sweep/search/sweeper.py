"""The sweep that searches: trials for each combination that the command line crosses."""

import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from uniseq.config.paths import make_folder, own_conf
from uniseq.errors import UniseqError
from uniseq.records.folders import Runs
from uniseq.startup import load_trainer
from uniseq.sweep.launch import EVERY_S, check_sweep, faults, launch, overview, quiet_launcher
from uniseq.sweep.notes import Noted, read_plan
from uniseq.sweep.plan import QUIET, Planner
from uniseq.sweep.search.plan import searches
from uniseq.sweep.search.study import OVER, Study

LONGEST_WAIT_S = 64.0


def sweep(
    arguments: list[str],
    config: DictConfig,
    context: HydraContext,
    task: TaskFunction,
    params: Mapping[str, Any],
    search: Mapping[str, Any],
    leave_out: Sequence[str],
    max_batch_size: int | None,
    **settings: Any,
) -> list[float | None]:
    """Let each search have its trials, those of an earlier start counted, and say what was best.

    Args:
        arguments: the command line.
        config: that the sweep itself was composed with.
        context: Hydra's.
        task: that a launcher runs.
        params: axes that are always crossed, as if they stood on the command line.
        search: axes that are searched where the chosen components have the key.
        leave_out: keys whose refusal leaves a combination out.
        max_batch_size: runs handed to the launcher at a time; None: all.
        settings: see :class:`uniseq.sweep.search.study.Search`.

    Returns:
        The best watched figure of each search, None where no trial was completed.

    Raises:
        UniseqError: before the first trial on a fault of the command line; after the last one when
            trials failed, a line each.
    """
    check_sweep(max_batch_size, config)
    load_trainer()
    planner = Planner(context.config_loader, config)
    asked = searches(planner, arguments, params, search, leave_out, settings)
    named = {name: (found, lost) for name, found, lost in asked}
    for line in dict.fromkeys(line for _, lost in named.values() for line in lost):
        print(f"left out: {line}")
    root = make_folder(Path(config.hydra.sweep.dir), "results_dir")
    studies = [Study(root, name) for name in named]
    for study in studies:
        study.begin(named[study.name][0])
    launcher = quiet_launcher(config, context, task)
    failed: Counter[str] = Counter()
    lines: list[str] = []
    number, wait = 0, EVERY_S
    with overview(Runs(root), lambda: _runs(studies), "search"):
        while todo := _interleaved({each: each.wanted() - failed[each.name] for each in studies}):
            batch = todo[:max_batch_size]
            results = launch(launcher, [_job(study) for study in batch], number)
            number += len(batch)
            idle = True
            for study, result in zip(batch, results, strict=True):
                failed[study.name] += result.status != JobStatus.COMPLETED
                idle &= result.status == JobStatus.COMPLETED and result.return_value is None
                lines.extend(faults(result))
            # Another sweep is at them; each time they are asked for, the journal grows.
            if idle:
                time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S) if idle else EVERY_S
    for study in studies:
        study.note()
        print(outcome(study))
    if lines:
        raise UniseqError("\n".join(lines))
    return [best.value if (best := study.best()) else None for study in studies]


def _interleaved(wanted: Mapping[Study, int]) -> list[Study]:
    """Each study as often as it wants, in turns, so that each learns while the others run."""
    rounds = range(max(wanted.values()))
    return [study for turn in rounds for study, times in wanted.items() if turn < times]


def _job(study: Study) -> list[str]:
    return [*study.search.overrides, f"trial={study.name}", *QUIET]


def _runs(studies: Sequence[Study]) -> list[Noted]:
    """The runs that are known by now, and those to come."""
    return [run for study in studies for run in read_plan(study.plan)[1]]


def outcome(study: Study) -> str:
    """What a search has come to, and the command that goes on with the best of it."""
    counts, best = study.counts(), study.best()
    done = ", ".join(f"{counts[state]} {state.name.lower()}" for state in OVER)
    line = f"{study.search.title}: {done}"
    if study.exhausted:
        line += "; no combination is left"
    if best is None:
        return line
    chosen = [f"{key}={value}" for key, value in best.params.items()]
    own = own_conf(study.search.command)
    flags = [] if own is None else ["--config-dir", str(own)]
    command = ["python", "-m", "uniseq.run", *flags, "--multirun", *study.search.overrides, *chosen]
    return (
        f"{line}; best {study.search.watched} {best.value:.4f} by {' '.join(chosen)}\n"
        f"  {shlex.join(command)}"
    )
