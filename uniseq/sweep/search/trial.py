"""One trial of a search, in the process that a launcher gives it."""

from pathlib import Path

from omegaconf import DictConfig

from uniseq.errors import UniseqError
from uniseq.records.record import Record
from uniseq.sweep.search.ask import Taken, take
from uniseq.sweep.search.pruning import Reports
from uniseq.sweep.search.study import FAULT, Study
from uniseq.sweep.worker import finish, is_over
from uniseq.training.outcome import Pruned


def run_trial(cfg: DictConfig, root: Path) -> float | None:
    """Ask the study named in the config for values, and bring their run to its end.

    A run that is over, or was given up, is told from its record; one that was cut off goes on.

    Returns:
        The best watched figure; None when nothing is left to be done, or others are at it.

    Raises:
        UniseqError: when the run failed, with its name; the study has been told.
    """
    study = Study(root, cfg.trial)
    base = cfg.copy()
    base.trial = None  # that of a run is the same, whoever asks for it
    with take(study, base) as taken:
        if taken is None:
            return None
        reports = Reports(taken.trial, taken.recipe.ranking.watched)
        try:
            reports.report(_record(taken, reports).epochs)
        except Pruned:
            study.prune(taken.trial)
        except Exception as error:
            taken.trial.set_user_attr(FAULT, str(error))
            study.fail(taken.trial)
            lines = str(error).splitlines() or [type(error).__name__]
            name = taken.run.folder.name
            raise UniseqError("\n".join(f"{name}: {line}" for line in lines)) from error
        else:
            assert reports.best is not None
            study.complete(taken.trial, reports.best)
        return reports.best


def _record(taken: Taken, reports: Reports) -> Record:
    """The record of the trial's run, which is trained unless it is over.

    Raises:
        Pruned: when it is given up. What a search before gave up is trained on unless this one,
            which may be more patient, would have done the same.
    """
    run = taken.run
    if run.record is not None and run.state == "pruned":
        reports.report(run.record.epochs)
        reports.give_up()
    if run.record is not None and is_over(run, taken.recipe.config):
        return run.record
    return finish(taken.recipe, run, [reports])
