"""Search: the sweep that gives trials to each combination that the command line crosses."""

import shlex
from collections import Counter
from collections.abc import Sequence

from uniseq.config.paths import own_conf
from uniseq.errors import UniseqError
from uniseq.records.folders import Runs
from uniseq.sweep.display import displayed
from uniseq.sweep.launch import launch_all
from uniseq.sweep.overrides import QUIET
from uniseq.sweep.plan import Planner
from uniseq.sweep.request import SweepRequest
from uniseq.sweep.search.plan import searches
from uniseq.sweep.search.study import ENDED, Study
from uniseq.sweep.survey import PlannedRun, read_plan

# Each time that a study is asked, its journal grows.
LONGEST_WAIT_S = 64.0


def sweep(request: SweepRequest) -> list[float | None]:
    """Let each search have its trials, those of an earlier start counted, and say what was best.

    Returns:
        The best watched figure of each search, None where no trial was completed.

    Raises:
        UniseqError: before the first trial on a fault of the command line; after the last one when
            trials failed, a line each.
    """
    named = {name: (found, lost) for name, found, lost in searches(Planner(request))}
    for line in dict.fromkeys(line for _, lost in named.values() for line in lost):
        print(f"left out: {line}")
    root = request.results_folder()
    studies = [Study(root, name) for name in named]
    for study in studies:
        study.begin(named[study.name][0])
    failed: Counter[str] = Counter()
    lines: list[str] = []

    def wanted() -> list[tuple[Study, list[str]]] | None:
        todo = _interleaved([(study, study.wanted() - failed[study.name]) for study in studies])
        batch = todo[: request.max_batch_size]  # the studies are asked anew before the next one
        return [(study, _job(study)) for study in batch] or None

    def settle(study: Study, value: float | None, faults: list[str]) -> None:
        failed[study.name] += bool(faults)
        lines.extend(faults)

    with displayed(Runs(root), lambda: _runs(studies), "search"):
        launch_all(request, wanted, settle, LONGEST_WAIT_S)
    for study in studies:
        study.note()
        print(outcome(study))
    if lines:
        raise UniseqError("\n".join(lines))
    return [best.value if (best := study.best()) else None for study in studies]


def _interleaved(wanted: Sequence[tuple[Study, int]]) -> list[Study]:
    """Each study as often as it wants, in turns, so that each learns while the others run."""
    rounds = range(max(times for _, times in wanted))
    return [study for turn in rounds for study, times in wanted if turn < times]


def _job(study: Study) -> list[str]:
    return [*study.search.overrides, f"study={study.name}", *QUIET]


def _runs(studies: Sequence[Study]) -> list[PlannedRun]:
    """The runs that are known by now, and those to come."""
    return [run for study in studies for run in read_plan(study.plan)[1]]


def outcome(study: Study) -> str:
    """What a search has come to, and the command that goes on with the best of it."""
    counts, best = study.counts(), study.best()
    done = ", ".join(f"{counts[state]} {state.name.lower()}" for state in ENDED)
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
