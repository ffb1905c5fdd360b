"""Study of a search, on the disk: what it has tried, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import SuccessiveHalvingPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from uniseq.records.folders import LOCKS, SWEEPS
from uniseq.sweep.search.journal import open_journal
from uniseq.sweep.search.space import Combination, size
from uniseq.sweep.survey import PlannedRun, keep_plan

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
# What a trial says of itself.
RUN, REFUSED, FAULT = "run", "refused", "fault"


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched, and how.

    Args:
        title: for people; begins the names of its runs.
        watched: the figure that is to be high.
        command: that started it last.
        overrides: the command line of each of its runs, without the searched values.
        shown: keys whose values follow in the names of its runs.
        space: key to its values, as on a command line.
        leave_out: keys whose refusal leaves a combination out.
        trials: to be completed or pruned.
        seed: of the sampler.
        min_resource: epochs after which a trial is first compared.
        reduction_factor: one in so many goes on, to so many times the epochs.
        since: number of the first trial after its last start.
    """

    title: str
    watched: str
    command: Sequence[str]
    overrides: Sequence[str]
    shown: Sequence[str]
    space: Mapping[str, Sequence[str]]
    leave_out: Sequence[str]
    trials: int
    seed: int
    min_resource: int
    reduction_factor: int
    since: int = 0


class Study:
    """An Optuna study in a journal file that any process may read and append to.

    Args:
        root: the results folder.
        name: of the study.

    Raises:
        DataError: when its journal cannot be read.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = root / SWEEPS / f"{name}.journal"
        storage = open_journal(path, root / LOCKS / path.name)
        try:
            self._study = optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            self._study = optuna.create_study(
                study_name=name, storage=storage, direction="maximize", load_if_exists=True
            )
        self.plan = path.with_suffix(".json")
        # One process asks at a time, and has claimed the run before the next one looks.
        self.asking = FileLock(root / LOCKS / name)

    def begin(self, search: Search) -> None:
        """Start the search, or go on with it."""
        with self.asking:
            since = len(self.trials())
            self._study.set_user_attr("search", {**asdict(search), "since": since})
            self._study.set_user_attr("exhausted", False)
            self.note()

    @property
    def search(self) -> Search:
        """What :meth:`begin` was given last."""
        return Search(**self._study.user_attrs["search"])

    @property
    def exhausted(self) -> bool:
        """Whether no combination is left."""
        return bool(self._study.user_attrs["exhausted"])

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Those in one of the states, or all."""
        return self._study.get_trials(deepcopy=False, states=states or None)

    def wanted(self) -> int:
        """How many trials are still to be completed or pruned, by whomever."""
        search, counts = self.search, self.counts()
        missing = min(search.trials, size(search.space)) - sum(counts[state] for state in ENDED)
        return min(missing, counts[TrialState.RUNNING]) if self.exhausted else missing

    def counts(self) -> Counter[TrialState]:
        """How many trials there are in each state."""
        return Counter(trial.state for trial in self.trials())

    def ask(self, values: Mapping[str, str] | None = None) -> Trial:
        """A new trial, with values of the sampler's choice unless they are given.

        The draw depends on the seed and the trials so far alone, whichever process asks.
        """
        search = self.search
        number = len(self.trials())
        seed = int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])
        self._study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if values is not None:
            self._study.enqueue_trial(dict(values))
        space: dict[str, BaseDistribution] = {
            key: CategoricalDistribution(choices) for key, choices in search.space.items()
        }
        return self._open(self._study.ask(space))

    def take_over(self, trial: FrozenTrial) -> Trial:
        """A trial whose process is dead, with all that it has reported."""
        return self._open(Trial(self._study, trial._trial_id))

    def complete(self, trial: Trial, value: float) -> None:
        """The trial is complete, and has come to the value."""
        self._study.tell(trial.number, value)

    def prune(self, trial: Trial) -> None:
        """The trial is given up."""
        self._study.tell(trial.number, state=TrialState.PRUNED)

    def fail(self, trial: Trial | FrozenTrial) -> None:
        """The trial came to nothing."""
        self._study.tell(trial.number, state=TrialState.FAIL)

    def exhaust(self) -> None:
        """There is no combination left."""
        self._study.set_user_attr("exhausted", True)

    def tried(self) -> set[Combination]:
        """What need not be asked for: it is over, under way, impossible, or failed just now."""
        since = self.search.since
        return {
            frozenset(trial.params.items())
            for trial in self.trials()
            if trial.state in (*ENDED, TrialState.RUNNING)
            or REFUSED in trial.user_attrs
            or (FAULT in trial.user_attrs and trial.number >= since)
        }

    def best(self) -> FrozenTrial | None:
        """The complete trial with the highest value."""
        complete = self.trials(TrialState.COMPLETE)
        return max(complete, key=lambda trial: trial.value or 0.0, default=None)

    def note(self) -> None:
        """Write down the runs so far, and that others are to come."""
        with self.asking:
            search = self.search
            counted = [
                trial
                for trial in self.trials()
                if RUN in trial.user_attrs
                and (
                    trial.state in (*ENDED, TrialState.RUNNING)
                    or (FAULT in trial.user_attrs and trial.number >= search.since)
                )
            ]
            runs = [PlannedRun(**trial.user_attrs[RUN]) for trial in counted]
            total = len(runs) if self.exhausted else min(search.trials, size(search.space))
            coming = [PlannedRun(f"{self.name}-{n}", search.title) for n in range(len(runs), total)]
            keep_plan(self.root, self.name, search.title, search.command, [*runs, *coming])

    def _open(self, trial: Trial) -> Trial:
        search = self.search
        self._study.pruner = SuccessiveHalvingPruner(search.min_resource, search.reduction_factor)
        return trial
