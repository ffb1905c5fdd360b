"""A logger's death takes no figure with it; what W&B lacks is said before anything starts."""

import os
import sys
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import Logger

from tests.commands.test_run import repeatable
from tests.config_runs import TINY, composed, run
from uniseq.config.recipes import recipe, try_out
from uniseq.errors import ConfigError
from uniseq.loggers.wandb import ignore_run_id
from uniseq.records.store import read_record, write_record
from uniseq.training import train as module
from uniseq.training.train import train


class Mortal(Logger):
    """Dies at its so many-th entry."""

    def __init__(self, entries):
        super().__init__()
        self.left, self.calls = entries, 0

    name, version = "mortal", "0"

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.calls += 1
        self.left -= 1
        if self.left <= 0:
            raise BrokenPipeError("the service is gone")


@pytest.mark.parametrize("entries", [1, 4])
def test_a_run_goes_on_without_a_logger_that_dies(tmp_path, capsys, entries):
    whole = run(tmp_path / "whole", "trainer.max_epochs=3")
    made, mortal = recipe(composed([*TINY, "trainer.max_epochs=3"])), Mortal(entries)
    made.loggers["mortal"] = lambda: mortal
    record = train(made, tmp_path / "run")
    assert repeatable(record) == repeatable(whole)
    assert mortal.calls == entries
    assert record.environment["loggers_died"] == {"Mortal": "BrokenPipeError: the service is gone"}
    said = capsys.readouterr().err.splitlines()
    death = "Mortal died of BrokenPipeError: the service is gone"
    assert said.count(f"warning: {death}; the run goes on without it") == 1
    rows = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "run")]
    assert rows[0] == rows[1]  # the other logger logs all


def test_the_record_is_written_before_wandb_ends_which_may_fail(tmp_path, monkeypatch, capsys):
    seen = []

    def finish(exit_code):
        seen.append(read_record(tmp_path / "record.json").status)
        raise ConnectionResetError("gone")

    def write(folder, record):  # W&B, which this run does not load, is there from now on
        write_record(folder, record)
        monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=object(), finish=finish))

    monkeypatch.setattr(module, "write_record", write)
    record = run(tmp_path, "trainer.max_epochs=1")
    assert (seen, record.status) == (["finished"], "finished")
    assert "WandbLogger died of ConnectionResetError: gone" in capsys.readouterr().err


def test_a_wandb_run_of_the_environment_is_not_shared_by_a_sweep(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_RUN_ID", "abc")
    ignore_run_id()
    assert "WANDB_RUN_ID" not in os.environ
    assert capsys.readouterr().err.startswith("WANDB_RUN_ID is left out: each run")
    ignore_run_id()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("choice", "key"), [("wandb", "logger"), ("csv_wandb", "logger.wandb")])
def test_no_account_is_one_line_before_anything_starts(tmp_path, monkeypatch, choice, key):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setattr(wandb, "login", lambda prompt, verify: False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with pytest.raises(ConfigError, match=rf"^{key}\.offline: false needs an account: log in"):
        try_out(composed([*TINY, f"logger={choice}", f"{key}.offline=false"]))
    try_out(composed([*TINY, f"logger={choice}"]))  # kept here
    monkeypatch.setenv("WANDB_MODE", "offline")
    try_out(composed([*TINY, f"logger={choice}", f"{key}.offline=false"]))
