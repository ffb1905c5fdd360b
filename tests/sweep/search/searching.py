"""Searches for the tests: begun by hand, their trials run one by one in this process."""

from tests.config_runs import TINY, composed
from uniseq.sweep.search.study import Search, Study
from uniseq.sweep.search.trial import run_trial

NAME = "search-test"
SHORT = (*TINY, "trainer.max_epochs=4")
# The first learns nothing at all.
RATES = {"optimizer.lr": ["1e-12", "3e-3", "1e-2", "3e-2"]}


def begin(root, space=RATES, trials=3, leave_out=(), seed=0):
    """A study as a sweep begins it."""
    study = Study(root, NAME)
    study.begin(
        Search(
            title="synthetic",
            watched="val/masked/NDCG@10",
            command=["test"],
            overrides=[],
            shown=list(space),
            space=space,
            leave_out=list(leave_out),
            trials=trials,
            seed=seed,
            min_resource=1,
            reduction_factor=2,
        )
    )
    return study


def config(root, *overrides):
    return composed([*SHORT, f"results_dir={root}", *overrides])


def trial(root, *overrides):
    """What one job of the sweep does."""
    return run_trial(config(root, f"study={NAME}", *overrides), root)


def told(study):
    """Number, values and outcome of each trial that came to something."""
    return [
        (trial.number, trial.params, trial.state.name, trial.value, trial.intermediate_values)
        for trial in study.trials()
        if trial.state.name != "FAIL"
    ]
