"""Jobs go to the launcher batch by batch; a sweep waits where others are at what is left."""

from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from tests.sweep.requests import requested
from uniseq.errors import ConfigError, UniseqError
from uniseq.sweep import launch
from uniseq.sweep.request import OPTIONS, SweepRequest, sweep_request


class Launcher:
    """Runs nothing, and gives what it was told to give."""

    def __init__(self, **results):
        self.results, self.batches = results, []

    def launch(self, jobs, number):
        self.batches.append((number, [name for (name,) in jobs]))
        results = [JobReturn() for _ in jobs]
        for result, (name,) in zip(results, jobs, strict=True):
            value = self.results[name]
            failed = isinstance(value, Exception)
            result.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
            result.return_value = value
        return results


def request(size=None):
    return SweepRequest([], None, None, None, max_batch_size=size)


def launched(monkeypatch, launcher, rounds, size=None, longest=launch.WAIT_S):
    """What was told of the jobs of each round, and the waits."""
    monkeypatch.setattr(launch, "quiet_launcher", lambda request: launcher)
    waits, told, coming = [], [], iter([*rounds, None])
    monkeypatch.setattr(launch, "time", SimpleNamespace(sleep=waits.append))

    def wanted():
        names = next(coming)
        return names if names is None else [(name.upper(), [name]) for name in names]

    launch.launch_all(request(size), wanted, lambda *result: told.append(result), longest)
    return told, waits


def test_each_job_is_told_its_result_or_its_faults(monkeypatch):
    launcher = Launcher(a=0.5, b=None, c=UniseqError("one\ntwo"), d=KeyError())
    told, waits = launched(monkeypatch, launcher, ["abcd"])
    assert told == [
        ("A", 0.5, []),
        ("B", None, []),
        ("C", None, ["one", "two"]),
        ("D", None, ["KeyError"]),
    ]
    assert launcher.batches == [(0, ["a", "b", "c", "d"])]
    assert waits == []


def test_batches_are_no_larger_than_asked_and_jobs_are_numbered_on(monkeypatch):
    launcher = Launcher(a=0.1, b=0.2, c=0.3, d=0.4)
    launched(monkeypatch, launcher, ["abc", "d"], size=2)
    assert launcher.batches == [(0, ["a", "b"]), (2, ["c"]), (3, ["d"])]


def test_it_waits_longer_and_longer_until_something_comes_to_an_end(monkeypatch):
    launcher = Launcher(a=None, b=0.1)
    rounds = ["a", "", "a", "a", "ab", "a"]
    assert launched(monkeypatch, launcher, rounds, longest=8.0)[1] == [2, 4, 8, 8, 2]
    assert launched(monkeypatch, launcher, rounds)[1] == [2, 2, 2, 2, 2]


def test_a_launcher_that_fails_is_one_line():
    def fail(jobs, number):
        raise RuntimeError("no cluster\nat all")

    with pytest.raises(UniseqError, match=r"^the launcher stopped: RuntimeError: no cluster; was"):
        launch.launch(SimpleNamespace(launch=fail), [["a"]], 0)


def test_the_launcher_is_quiet_unless_asked_also_where_hydra_locks_its_config():
    sweep = requested()
    OmegaConf.set_readonly(sweep.config.hydra, True)
    before = sweep.config.hydra.hydra_logging.root.level
    quiet = launch.quiet_launcher(sweep)
    assert quiet.config.hydra.hydra_logging.root.level == "WARNING" != before
    assert sweep.config.hydra.hydra_logging.root.level == before
    assert OmegaConf.is_readonly(quiet.config.hydra)
    loud = launch.quiet_launcher(requested("hydra.verbose=true"))
    assert loud.config.hydra.hydra_logging.root.level == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"max_batch_size": 0}, "hydra.sweeper.max_batch_size: must be at least 1, or null"),
        ({"max_batch_size": "all"}, "hydra.sweeper.max_batch_size: must be at least 1, or null"),
        ({"parms": {}}, "hydra.sweeper.parms: there is no such key; did you mean params?"),
        ({"search": ...}, "hydra.sweeper.search: is missing; give it a value"),
        ({"trials": ...}, "hydra.sweeper.trials: is missing; give it a value"),
    ],
)
def test_a_sweeper_with_keys_that_do_not_fit_is_refused(change, expected):
    fitting = {**dict.fromkeys(OPTIONS), "trials": 3}
    options = {key: value for key, value in {**fitting, **change}.items() if value is not ...}
    config = OmegaConf.create({"hydra": {"launcher": {"n_jobs": 2}}})
    with pytest.raises(ConfigError, match="^" + expected.replace("?", r"\?")):
        sweep_request(["a=1"], config, None, None, options, ["trials"])
    kept = sweep_request(["a=1"], config, None, None, fitting, ["trials"])
    assert (kept.arguments, kept.settings) == (["a=1"], {"trials": 3})
    config.hydra.launcher.n_jobs = 0
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.n_jobs: must be the number"):
        sweep_request(["a=1"], config, None, None, fitting, ["trials"])
