"""Trial of a search: the study is asked for one, its run is brought to its end, the study told."""

import itertools
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from optuna.trial import Trial, TrialState

from uniseq.errors import ConfigError, UniseqError
from uniseq.records.folders import Run, Runs
from uniseq.records.record import Record
from uniseq.sweep.overrides import short, with_values
from uniseq.sweep.search.pruning import PruningCallback
from uniseq.sweep.search.space import admitted, size, untried
from uniseq.sweep.search.study import ENDED, FAULT, REFUSED, RUN, Study
from uniseq.sweep.worker import finish, is_over
from uniseq.training.outcome import Pruned
from uniseq.training.parts import Recipe

# The sampler likes to repeat itself; after so many draws the next new combination is taken.
DRAWS = 20


def run_trial(cfg: DictConfig, root: Path) -> float | None:
    """Ask the study named in the config for values, and bring their run to its end.

    A run that is over, or was given up, is told from its record; one that was cut off goes on.

    Returns:
        The best watched figure; None when nothing is left to be done, or others are at it.

    Raises:
        UniseqError: when the run failed, with its name; the study has been told.
    """
    study = Study(root, cfg.study)
    base = cfg.copy()
    base.study = None  # that of a run is the same, whoever asks for it
    with take(study, base) as taken:
        if taken is None:
            return None
        pruning = PruningCallback(taken.trial, taken.recipe.ranking.watched)
        try:
            pruning.report(_record(taken, pruning).epochs)
        except Pruned:
            study.prune(taken.trial)
        except Exception as error:
            taken.trial.set_user_attr(FAULT, str(error))
            study.fail(taken.trial)
            lines = str(error).splitlines() or [type(error).__name__]
            name = taken.run.folder.name
            raise UniseqError("\n".join(f"{name}: {line}" for line in lines)) from error
        else:
            assert pruning.best is not None
            study.complete(taken.trial, pruning.best)
        return pruning.best


@dataclass(frozen=True, slots=True)
class Taken:
    """A trial of this process.

    Args:
        trial: of the study.
        recipe: with the trial's values.
        run: as it stands.
    """

    trial: Trial
    recipe: Recipe
    run: Run


def _record(taken: Taken, pruning: PruningCallback) -> Record:
    """The record of the trial's run, which is trained unless it is over.

    Raises:
        Pruned: when it is given up. What a search before gave up is trained on unless this one,
            which may be more patient, would have done the same.
    """
    run = taken.run
    if run.record is not None and run.state == "pruned":
        pruning.report(run.record.epochs)
        pruning.give_up()
    if run.record is not None and is_over(run, taken.recipe.config):
        return run.record
    return finish(taken.recipe, run, [pruning])


@contextmanager
def take(study: Study, cfg: DictConfig) -> Iterator[Taken | None]:
    """The trial that is to be done next, as long as the context lasts; None when there is none.

    One that was cut off goes first. A combination that has been tried, that cannot be run or that
    another process works on is passed over.

    Args:
        study: of the search.
        cfg: the config of its runs, in which the values are set.

    Raises:
        UniseqError: on values that are refused.
    """
    with ExitStack() as held:
        with study.asking:
            asker = _Asker(study, cfg, held)
            taken = asker.cut_off() or asker.new()
            study.note()
        yield taken


class _Asker:
    """For the process that is the only one to ask."""

    def __init__(self, study: Study, cfg: DictConfig, held: ExitStack) -> None:
        self.study, self.cfg, self.held = study, cfg, held
        self.search = study.search
        self.runs = Runs(study.root)

    def cut_off(self) -> Taken | None:
        """A trial whose process is dead."""
        for trial in self.study.trials(TrialState.RUNNING):
            if RUN not in trial.user_attrs:  # it was cut off while asking
                self.study.fail(trial)
            elif not self.runs.claimed(trial.user_attrs[RUN]["id"]):
                again = self.study.take_over(trial)
                taken = self._claim(again)
                if taken is not None:
                    return taken
                if REFUSED in again.user_attrs:  # by another version
                    self.study.fail(trial)
        return None

    def new(self) -> Taken | None:
        """A trial that has not been, as long as there are not enough."""
        counts = self.study.counts()
        if counts[TrialState.RUNNING] + sum(counts[state] for state in ENDED) >= self.search.trials:
            return None
        tried, busy = self.study.tried(), False
        for draw in itertools.count():
            values = None
            if draw >= DRAWS or len(tried) >= size(self.search.space):
                start = zlib.crc32(f"{self.search.seed} {len(tried)}".encode())
                values = untried(self.search.space, tried, start)
                if values is None:
                    break
            trial = self.study.ask(values)
            combination = frozenset(trial.params.items())
            if combination not in tried:
                tried.add(combination)
                taken = self._claim(trial)
                if taken is not None:
                    return taken
                busy |= REFUSED not in trial.user_attrs
            self.study.fail(trial)
        if not busy:
            self.study.exhaust()
        return None

    def _claim(self, trial: Trial) -> Taken | None:
        """The trial's run, unless it is impossible or another process is at it."""
        cfg = with_values(self.cfg, trial.params)
        values = [f"{key}={trial.params[key]}" for key in self.search.shown if key in trial.params]
        cfg.name = "_".join([self.search.title, *map(short, values)])
        recipe = admitted(cfg, self.search.leave_out)
        if isinstance(recipe, ConfigError):
            trial.set_user_attr(REFUSED, str(recipe))
            return None
        if not self.held.enter_context(self.runs.claim(recipe.id)):
            return None
        trial.set_user_attr(RUN, {"id": recipe.id, "name": recipe.name})
        return Taken(trial, recipe, self.runs.at_rest(recipe.id, recipe.name))
