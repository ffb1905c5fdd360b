"""Searches as a command line starts them: pruned, resumed, in several processes, refused."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

pytest.importorskip("optuna", reason="needs pip install uniseq-rec[optuna]")

from tests.config_runs import TINY, undated
from uniseq import status
from uniseq.errors import UniseqError
from uniseq.records.store import read_record
from uniseq.run import main
from uniseq.sweep.processes import VARIABLES
from uniseq.sweep.search.study import Study
from uniseq.sweep.search.sweeper import outcome

SEARCH = (
    *("--multirun", *TINY, "results_dir=r", "trainer.max_epochs=4", "hydra/sweeper=optuna"),
    *("hydra.sweeper.min_resource=1", "hydra.sweeper.reduction_factor=2"),
)
# The first learns nothing at all.
RATES = "+hydra.sweeper.search={optimizer.lr:[1e-12,3e-3,1e-2,3e-2]}"
ENVIRONMENT = os.environ | dict.fromkeys(VARIABLES, "1")


def start(folder, *overrides, output=subprocess.PIPE):
    return subprocess.Popen(
        [sys.executable, "-m", "uniseq.run", *SEARCH, *overrides],
        cwd=folder,
        stdout=output,
        stderr=output,
        text=True,
        start_new_session=True,
        env=ENVIRONMENT,
    )


def finished(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def studies(folder):
    """By title."""
    found = [Study(folder / "r", path.stem) for path in (folder / "r/.sweeps").glob("*.journal")]
    return {study.search.title: study for study in found}


def outcomes(study):
    return [(t.params, t.state.name, t.value) for t in study.trials() if t.state.name != "FAIL"]


def records(folder):
    return sorted(folder.glob("r/*/record.json"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two searches of four trials each, in one process."""
    folder = tmp_path_factory.mktemp("swept")
    return folder, finished(start(folder, RATES, "seed=0,1", "hydra.sweeper.trials=4"))


def test_each_combination_of_the_command_line_has_a_study_of_its_own(swept):
    found = studies(swept[0])
    assert [title[-5:] for title in sorted(found)] == ["seed0", "seed1"]
    for title, study in found.items():
        assert len(outcomes(study)) == 4
        assert study.search.overrides[-1] == f"seed={title[-1]}"
    assert len(records(swept[0])) == 8
    assert {read_record(path).config["study"] for path in records(swept[0])} == {None}


def test_it_says_what_was_best_and_the_command_for_it_trains_nothing(swept):
    folder, said = swept
    for title, study in studies(folder).items():
        at = max(n for n, line in enumerate(said.splitlines()) if line.startswith(f"{title}:"))
        line, command = said.splitlines()[at : at + 2]
        best = study.best()
        states = [state for _, state, _ in outcomes(study)]
        assert f"{states.count('COMPLETE')} complete, {states.count('PRUNED')} pruned" in line
        assert f"best val/masked/NDCG@10 {best.value:.4f} by optimizer.lr=" in line
        assert best.params["optimizer.lr"] != "1e-12"
    before = {path: path.stat().st_mtime_ns for path in records(folder)}
    python, *rest = shlex.split(command)
    assert (python, rest[:2]) == ("python", ["-m", "uniseq.run"])
    done = subprocess.run([sys.executable, *rest], cwd=folder, env=ENVIRONMENT, capture_output=True)
    assert done.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in records(folder)} == before


def test_the_command_for_the_best_finds_ones_own_configs():
    best = SimpleNamespace(params={"loss.beta": ".1"}, value=0.5)
    study = SimpleNamespace(
        search=SimpleNamespace(
            title="mine",
            watched="val/masked/NDCG@10",
            command=["-cd", "my conf", "--multirun", "loss=wide"],
            overrides=["loss=wide"],
        ),
        counts=Counter,
        best=lambda: best,
        exhausted=False,
    )
    expected = "python -m uniseq.run --config-dir 'my conf' --multirun loss=wide loss.beta=.1"
    assert outcome(study).splitlines()[-1].strip() == expected


def test_status_shows_each_search(swept, capsys):
    status.main([str(swept[0] / "r")])
    said = capsys.readouterr().out.replace("\n", " ")
    for title, study in studies(swept[0]).items():
        states = [state for _, state, _ in outcomes(study)]
        assert title in said
        assert f"{states.count('COMPLETE')} finished; {states.count('PRUNED')} pruned" in said


def test_more_trials_go_on_where_the_search_was(tmp_path):
    finished(start(tmp_path, RATES, "hydra.sweeper.trials=2"))
    (study,) = studies(tmp_path).values()
    first = outcomes(study)
    before = {path: path.stat().st_mtime_ns for path in records(tmp_path)}
    assert len(first) == len(before) == 2
    finished(start(tmp_path, RATES, "hydra.sweeper.trials=3"))
    assert outcomes(study)[:2] == first
    assert len(outcomes(study)) == 3
    after = {path: path.stat().st_mtime_ns for path in records(tmp_path)}
    assert before.items() <= after.items()
    assert len(after) == 3


def test_a_killed_search_loses_and_repeats_nothing(tmp_path, swept):
    options = (RATES, "hydra.sweeper.trials=4")
    search = start(tmp_path, *options)
    while not records(tmp_path) or not _under_way(tmp_path):
        assert search.poll() is None
        time.sleep(0.02)
    os.killpg(search.pid, signal.SIGKILL)
    search.communicate()
    before = {path: path.stat().st_mtime_ns for path in records(tmp_path)}
    (study,) = studies(tmp_path).values()
    dead = [t for t in study.trials() if t.state.name == "RUNNING"]

    finished(start(tmp_path, *options))
    after = {path: path.stat().st_mtime_ns for path in records(tmp_path)}
    assert before.items() <= after.items()
    states = [t.state.name for t in study.trials()]
    assert all(states[trial.number] in ("COMPLETE", "PRUNED") for trial in dead)
    # All that differs from the undisturbed search is time.
    other = next(each for title, each in studies(swept[0]).items() if title[-1] == "0")
    assert outcomes(study) == outcomes(other)
    undisturbed = {path.parent.name: undated(path) for path in records(swept[0])}
    for path in after:
        assert undated(path) == undisturbed[path.parent.name]


def _under_way(folder):
    """Whether a run has an epoch behind it."""
    paths = folder.glob("r/*/progress.json")
    return any(json.loads(path.read_text())["epochs"] for path in paths)


def test_two_processes_search_side_by_side(tmp_path):
    if find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("needs pip install uniseq-rec[joblib]")
    side_by_side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    finished(start(tmp_path, RATES, "hydra.sweeper.trials=4", *side_by_side))
    (study,) = studies(tmp_path).values()
    rates = [params["optimizer.lr"] for params, _, _ in outcomes(study)]
    assert sorted(rates) == ["0.003", "0.01", "0.03", "1e-12"]
    statuses = [read_record(path).status for path in records(tmp_path)]
    assert len(statuses) == 4
    assert set(statuses) <= {"finished", "pruned"}


def test_failures_are_a_line_each(tmp_path):
    # The optimizer takes the rate; the run does not survive it.
    rates = "+hydra.sweeper.search={optimizer.lr:[1e38]}"
    process = start(tmp_path, rates, "hydra.sweeper.trials=2")
    _, err = process.communicate()
    assert process.returncode == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error")]
    assert line.startswith("error: synthetic_sasrec_uniform_cosine_seed0-")
    assert "training diverged; lower optimizer.lr" in line
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "hydra.sweeper.search: leaves nothing to search in synthetic_sasrec_uniform_cosine_"),
        (
            ["sweep=paper_grid", "hydra.sweeper.trials=0"],
            "hydra.sweeper.trials: must be an integer",
        ),
        (
            ["sweep=paper_grid", "hydra.sweeper.trials=x"],
            "hydra.sweeper.trials: must be an integer",
        ),
        (["sweep=paper_grid", "hydra.sweeper.reduction_factor=1"], "of at least 2, not 1"),
        (["+hydra.sweeper.search={loss.beta:[-1,.1]}"], "loss.beta: must be 0 or more, not -1"),
        (
            ["sweep=paper_grid", "backbone.dim=64", "+hydra.sweeper.search={backbone.heads:[3]}"],
            "hydra.sweeper.search: no combination can be run; backbone.heads: must divide dim",
        ),
        (["+hydra.sweeper.search={loss.beta:'interval(0,1)'}"], "loss.beta: has no end"),
        (
            ["+hydra.sweeper.trails=3"],
            "hydra.sweeper.trails: there is no such key; did you mean tri",
        ),
    ],
)
def test_what_cannot_be_searched_is_one_line(arguments, expected, tmp_path, monkeypatch, capsys):
    assert expected in refused(arguments, tmp_path, monkeypatch, capsys)
    assert not list(tmp_path.rglob("*.journal"))


def test_without_optuna_it_says_what_to_install(monkeypatch):
    plugin = import_module("hydra_plugins.uniseq_sweeper")
    monkeypatch.setattr(plugin, "find_spec", lambda name: None)
    with pytest.raises(UniseqError, match=r"pip install 'uniseq-rec\[optuna\]'$"):
        plugin.OptunaSweeper().sweep([])


def refused(arguments, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setattr(sys, "argv", ["uniseq", *SEARCH, *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line
