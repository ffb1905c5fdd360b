"""A sweep that is killed, again and again, ends in the records of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from tests.config_runs import TINY, undated
from uniseq.sweep.processes import VARIABLES

SWEEP = [
    *(sys.executable, "-m", "uniseq.run", "--multirun", *TINY),
    *("trainer.max_epochs=12", "ranking.patience=3", "optimizer.lr=3e-3"),
    *("seed=0,1", "loss.beta=.05,.01,.001"),
]
KILLS = 10


def start(folder, *overrides):
    return subprocess.Popen(
        [*SWEEP, f"results_dir={folder}", *overrides],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | dict.fromkeys(VARIABLES, "1"),
    )


def records(folder):
    """All records by folder, with the users' ranks."""
    return {
        path.parent.name: (undated(path), path.with_name("ranks.npz").read_bytes())
        for path in folder.glob("*/record.json")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep = start(folder)
    assert sweep.wait() == 0, sweep.stderr.read()
    return records(folder)


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_killed_at_any_moment_loses_nothing(launcher, tmp_path, undisturbed):
    if launcher == "joblib" and find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("needs pip install uniseq-rec[joblib]")
    options = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    chance = random.Random(launcher)
    for _ in range(KILLS):
        sweep = start(tmp_path, *options)
        try:
            sweep.wait(chance.uniform(2, 6))
        except subprocess.TimeoutExpired:
            # Without its group a sweep leaves workers behind for an instant.
            kill = chance.choice([os.kill, os.killpg])
            kill(sweep.pid, signal.SIGKILL)
        sweep.wait()
    sweep = start(tmp_path, *options)
    assert sweep.wait() == 0, sweep.stderr.read()
    assert records(tmp_path) == undisturbed
    assert len(undisturbed) == 6
    assert {record["status"] for record, _ in undisturbed.values()} == {"finished"}


def test_a_process_ends_with_the_one_that_started_it():
    child = (
        "import time\n"
        "from uniseq.sweep.processes import end_with_parent\n"
        "end_with_parent()\n"
        "print('begun', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout.readline() == "begun\n"
    parent.kill()
    parent.wait()
    began = time.monotonic()
    assert parent.stdout.read() == ""  # the pipe closes when the last one that holds it has ended
    assert time.monotonic() - began < 30
