"""Worker of a sweep: brings one run to its end, which may be done, cut off or not begun."""

import logging
import shutil
import sys
from collections.abc import Container, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from uniseq.errors import DataError, UniseqError
from uniseq.records.folders import LAST, PROGRESS, Run, Runs, set_aside
from uniseq.records.record import Record
from uniseq.records.store import RECORD, read_record, write_record
from uniseq.training.callbacks.progress import Progress
from uniseq.training.outcome import Pruned, cuts_off
from uniseq.training.parts import Recipe
from uniseq.training.processes import leads, settle_lead
from uniseq.training.train import train

logger = logging.getLogger(__name__)


def run_once(recipe: Recipe, root: Path) -> float | None:
    """Bring a run to its end, in its folder below ``root``, unless another process is at it.

    Killed at any moment it loses the epoch in progress at most: called again it goes on from the
    last whole one, to the record of an undisturbed run. A run that failed is begun anew.

    Returns:
        The best watched figure; None when another process works on the run.

    Raises:
        UniseqError: on data that cannot be used.
    """
    runs = Runs(root)
    settle_lead(recipe.trainer)
    # Of processes that share one run the first claims it for all.
    with runs.claim(recipe.id) if leads() else nullcontext(True) as mine:
        if not mine:
            return None
        run = runs.at_rest(recipe.id, recipe.name)
        if recipe.code and run.state == "waiting":
            _say_edited(recipe, root)
        record = run.record if is_over(run, recipe.config) else finish(recipe, run)
        assert record is not None
        return record.best


def _say_edited(recipe: Recipe, root: Path) -> None:
    """Say of which former run this one differs by the code of one's own classes alone."""
    for path in root.glob(f"*/{RECORD}"):
        with suppress(DataError):  # what is damaged is said by those who need it
            former = read_record(path)
            same_data = former.dataset.get("fingerprint") == recipe.data.sequences.fingerprint
            if former.config_hash == recipe.config_hash and same_data:
                before = former.environment.get("own_code", {})
                edited = [name for name, code in recipe.code.items() if before.get(name) != code]
                logger.warning(
                    "%s: its code of %s was another; run anew", path.parent, ", ".join(edited)
                )


def is_over(run: Run, config: Mapping[str, Any]) -> bool:
    """Whether the run has left all that its config asks for."""
    if run.state != "finished" or run.record is None:
        return False
    measured = {entry["epoch"] for entry in run.record.sphere}
    validated = {int(epoch["epoch"]) for epoch in run.record.validated}
    return measured >= _epochs_to_measure(config["sphere"], validated)


def _epochs_to_measure(sphere: dict[str, Any] | None, seen: Container[int]) -> set[int]:
    """Of the epochs that were validated those that are to be measured."""
    return {epoch for epoch in (sphere or {}).get("epochs", ()) if epoch in seen}


def finish(recipe: Recipe, run: Run, watchers: Sequence[Any] = ()) -> Record:
    """Train from where the run stands; for the process that has claimed it.

    Args:
        recipe: of it.
        run: as it stands. A finished one is repeated, for measurements that it lacks; its record
            stays until the new one is whole.
        watchers: Lightning callbacks that look on.

    Raises:
        Pruned: from a watcher that gives the run up.
        UniseqError: when what the run left is damaged.
    """
    if run.fault is not None:
        raise UniseqError(run.fault)
    folder = run.folder
    resume = folder / LAST
    repeats = run.state == "finished"
    sphere = recipe.config["sphere"]
    if run.state == "failed" or not _measures(run, sphere):
        shutil.rmtree(resume.parent, ignore_errors=True)  # anew
    if run.state == "failed":
        (folder / RECORD).unlink(missing_ok=True)  # processes that share the run all come by
    folder.mkdir(parents=True, exist_ok=True)  # loggers look for it
    try:
        start = resume if resume.exists() and _can_be_read(resume) else None
        looking_on = [Progress(folder, sphere), *watchers]
        record = train(recipe, folder, start, looking_on, in_sweep=True)
    except BaseException as error:
        if repeats and run.record is not None and leads():
            write_record(folder, run.record)  # a figure that was there is not lost by a repeat
        if isinstance(error, Pruned) or (repeats and not cuts_off(error)):
            (folder / PROGRESS).unlink(missing_ok=True)
        raise
    if leads():
        (folder / PROGRESS).unlink(missing_ok=True)
    return record


def _can_be_read(last: Path) -> bool:
    """Whether a run can go on from its checkpoint; a damaged one is set aside, and said to be."""
    from uniseq.training.callbacks.checkpoints import load_whole

    try:
        load_whole(last)
    except DataError as fault:
        if leads():
            aside = set_aside(last)
            print(
                f"warning: {fault}; it is kept as {aside.name}, and the run begins anew",
                file=sys.stderr,
            )
        return False
    return True


def _measures(run: Run, sphere: Any) -> bool:
    """Whether a run that goes on from its last epoch measures all that is asked for."""
    before = run.progress or {}
    if before.get("sphere") == sphere:
        return True
    trained = before.get("epochs")
    return trained is not None and not _epochs_to_measure(sphere, range(trained))
