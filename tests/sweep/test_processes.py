"""Sweeps whose runs are processes: each launcher for real, one thread a process."""

import os
import pickle
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from tests.config_runs import TINY, composed
from uniseq.errors import ConfigError, DataError
from uniseq.records.store import read_record
from uniseq.sweep.processes import VARIABLES, OneThreadEach, starts_processes

PLUGINS = {"joblib": "joblib", "submitit_local": "submitit", "ray": "ray"}
UNSET = {name: value for name, value in os.environ.items() if name not in VARIABLES}


def sweep(folder, *overrides, status=0):
    """Runs a sweep of tiny runs in a folder and gives what it says on errors."""
    tiny = [override for override in TINY if override != "threads=1"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uniseq.run", "--multirun", "trainer=smoke", *tiny),
            f"hydra.sweep.dir={folder}",
            *overrides,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        env=UNSET | {"RAY_USAGE_STATS_ENABLED": "0"},
        timeout=600,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.mark.parametrize("launcher", PLUGINS)
def test_each_launcher_runs_a_sweep_with_one_thread_a_process(launcher, tmp_path):
    if find_spec(f"hydra_plugins.hydra_{PLUGINS[launcher]}_launcher") is None:
        pytest.skip(f"needs pip install uniseq-rec[{PLUGINS[launcher]}]")
    sweep(tmp_path, f"hydra/launcher={launcher}", "loss.beta=.05,.01")
    records = [read_record(path) for path in tmp_path.glob("*/record.json")]
    assert sorted(record.config["loss"]["beta"] for record in records) == [0.01, 0.05]
    for record in records:
        assert record.status == "finished"
        assert record.environment["threads"] == 1
        assert 0 <= record.test["masked/HR@10"] <= 1


def test_a_fault_in_another_process_is_one_line(tmp_path):
    if find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("needs pip install uniseq-rec[joblib]")
    stderr = sweep(tmp_path, "hydra/launcher=joblib", "loss.beta=-1", status=1)
    lines = [line for line in stderr.splitlines() if line.startswith("error")]
    assert lines == ["error: loss.beta: must be 0 or more, not -1"]


def test_threads_are_limited_only_where_a_launcher_starts_processes(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "7")
        monkeypatch.delenv(variable)

    def start(target):
        launcher = SimpleNamespace(_target_=target)
        OneThreadEach().on_multirun_start(SimpleNamespace(hydra=SimpleNamespace(launcher=launcher)))
        return [os.environ.get(variable) for variable in VARIABLES]

    assert start("wherever.it.lies.BasicLauncher") == [None, None, None]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert start("any.other.Launcher") == ["3", "1", "1"]


@pytest.mark.parametrize("launcher", ["basic", *PLUGINS])
def test_hydra_s_own_launcher_is_the_one_that_starts_no_process(launcher):
    from hydra.core.hydra_config import HydraConfig

    if (
        launcher != "basic"
        and find_spec(f"hydra_plugins.hydra_{PLUGINS[launcher]}_launcher") is None
    ):
        pytest.skip(f"needs pip install uniseq-rec[{PLUGINS[launcher]}]")
    composed([f"hydra/launcher={launcher}"])
    assert starts_processes(HydraConfig.get().launcher) == (launcher != "basic")
    assert "one_thread_each" in HydraConfig.get().callbacks


@pytest.mark.parametrize(
    "error", [ConfigError("loss.t", "is odd"), DataError("a.txt", "is empty", line=3)]
)
def test_errors_pass_from_process_to_process(error):
    passed = pickle.loads(pickle.dumps(error))
    assert type(passed) is type(error)
    assert str(passed) == str(error)
    assert vars(passed) == vars(error)
