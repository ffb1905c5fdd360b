"""A search that is killed, again and again, tries each combination once and loses none."""

import os
import random
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("optuna", reason="needs pip install uniseq-rec[optuna]")

from optuna.trial import TrialState

from tests.config_runs import TINY, undated
from tests.sweep.search.test_sweeper import ENVIRONMENT, outcomes, records, start, studies
from uniseq.records.store import read_record

KILLS = 4
SPACE = "+hydra.sweeper.search={optimizer.lr:[1e-12,3e-3,1e-2],loss.beta:[.05,.01]}"
LONGER = ("trainer.max_epochs=12", SPACE, "hydra.sweeper.trials=6")


def test_a_search_killed_at_any_moment_loses_nothing(tmp_path):
    joblib = find_spec("hydra_plugins.hydra_joblib_launcher") is not None
    options = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"] if joblib else []
    chance = random.Random(0)
    for _ in range(KILLS):
        # Workers that are left behind would keep a pipe open.
        search = start(tmp_path, *LONGER, *options, output=subprocess.DEVNULL)
        try:
            search.wait(chance.uniform(4, 9))
        except subprocess.TimeoutExpired:
            # Without its group a search leaves workers behind, who finish what they are at.
            chance.choice([os.kill, os.killpg])(search.pid, signal.SIGKILL)
            search.wait()
    search = start(tmp_path, *LONGER, *options)
    _, err = search.communicate()
    assert search.returncode == 0, err
    (study,) = studies(tmp_path).values()
    assert len({frozenset(params.items()) for params, *_ in outcomes(study)}) == 6
    assert len(outcomes(study)) == len(records(tmp_path)) == 6
    assert not study.trials(TrialState.RUNNING, TrialState.WAITING)

    kept = {path: undated(path) for path in records(tmp_path)}
    axes = ("optimizer.lr=1e-12,3e-3,1e-2", "loss.beta=.05,.01")
    grid = [sys.executable, "-m", "uniseq.run", "--multirun", *TINY, "trainer.max_epochs=12", *axes]
    for folder in (tmp_path, tmp_path / "undisturbed"):
        folder.mkdir(exist_ok=True)
        subprocess.run([*grid, "results_dir=r"], cwd=folder, env=ENVIRONMENT, check=True)
    for path, content in kept.items():
        undisturbed = tmp_path / "undisturbed" / path.relative_to(tmp_path)
        assert read_record(path).status == "finished"
        assert undated(path) == undated(undisturbed)
        if content["status"] == "finished":
            assert undated(path) == content
