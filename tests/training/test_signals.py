"""Ctrl-C and SIGTERM end a run in each of its phases: status, line, record, and a resumption."""

import signal
import sys

import pytest

from tests.commands.test_run import repeatable
from tests.config_runs import TINY, composed, run
from tests.training.signalling import Sends
from uniseq.config.recipes import recipe
from uniseq.records.store import read_record
from uniseq.run import main
from uniseq.training.signals import Terminated
from uniseq.training.train import train

PHASES = ("train", "validation", "test")
RAISED = {"SIGINT": KeyboardInterrupt, "SIGTERM": Terminated}


@pytest.fixture(autouse=True)
def interruptible():
    """Whoever starts the tests in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), "trainer.max_epochs=3")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("name", RAISED)
def test_a_signal_interrupts_a_run_which_goes_on_to_the_same_figures(tmp_path, whole, name, phase):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    made = recipe(composed([*TINY, "trainer.max_epochs=3"]))
    with pytest.raises(RAISED[name]):
        train(made, tmp_path, watchers=[Sends(name, phase)])
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert read_record(tmp_path / "record.json").status == "interrupted"
    last = tmp_path / "checkpoints" / "last.ckpt"
    record = train(recipe(composed([*TINY, "trainer.max_epochs=3"])), tmp_path, last)
    assert repeatable(record) == repeatable(whole)


@pytest.mark.parametrize(
    ("name", "phase", "status", "said"),
    [("SIGINT", "train", 130, "interrupted"), ("SIGTERM", "test", 143, "ended by SIGTERM")],
)
def test_a_command_that_is_ended_says_how_to_go_on(
    tmp_path, monkeypatch, capsys, name, phase, status, said
):
    own = (
        "+callbacks.mine._target_=tests.training.signalling.Sends",
        f"+callbacks.mine.name={name}",
    )
    folder = tmp_path / "run"
    options = ("trainer.max_epochs=3", f"+callbacks.mine.hook={phase}", f"hydra.run.dir={folder}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["uniseq", *TINY, *own, *options])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == status
    last = folder / "checkpoints" / "last.ckpt"
    assert last.is_file()
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {said}; the same command with ckpt_path={last} goes on where it was"
    )


def test_sigterm_before_training_is_a_line_too(tmp_path, monkeypatch, capsys):
    from uniseq.training import train as module

    monkeypatch.setattr(module, "_facts", lambda data: signal.raise_signal(signal.SIGTERM))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["uniseq", *TINY, "hydra.run.dir=run"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 143
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: ended by SIGTERM; {tmp_path / 'run'} has no whole epoch yet: "
        "the same command begins it anew"
    )
