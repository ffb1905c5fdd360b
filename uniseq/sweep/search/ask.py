"""What a study wants next: values, and their run, claimed for this process."""

import itertools
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from omegaconf import DictConfig
from optuna.trial import Trial, TrialState

from uniseq.config.recipes import recipe
from uniseq.records.folders import Run, Runs
from uniseq.sweep.plan import short
from uniseq.sweep.search.space import refusal, size, untried, with_values
from uniseq.sweep.search.study import OVER, REFUSED, RUN, Study
from uniseq.training.parts import Recipe

# The sampler likes to repeat itself; after so many draws the next new combination is taken.
DRAWS = 20


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
        if counts[TrialState.RUNNING] + sum(counts[state] for state in OVER) >= self.search.trials:
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
        fault = refusal(cfg, self.search.leave_out)
        if fault is not None:
            trial.set_user_attr(REFUSED, str(fault))
            return None
        values = [f"{key}={trial.params[key]}" for key in self.search.shown if key in trial.params]
        cfg.name = "_".join([self.search.title, *map(short, values)])
        made = recipe(cfg)
        if not self.held.enter_context(self.runs.claim(made.id)):
            return None
        trial.set_user_attr(RUN, {"id": made.id, "name": made.name})
        return Taken(trial, made, self.runs.at_rest(made.id, made.name))
