"""Runs of two processes from the command line: one folder, one record, the figures of one."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.config_runs import TINY, composed, run
from uniseq.config.recipes import recipe
from uniseq.errors import ConfigError
from uniseq.records.store import read_record
from uniseq.sweep.worker import run_once

NO_DROPOUT = ("backbone.dropout=0", "backbone.attention_dropout=0")
WATCH = ("sphere=watch", "sphere.epochs=[0]")
FIXED = (*TINY, *NO_DROPOUT)


def alone(folder, *overrides):
    return run(folder, *NO_DROPOUT, *overrides)


def command(folder, *overrides, status=0):
    """Runs the command line of two processes in a folder and gives what it says on errors."""
    done = subprocess.run(
        [sys.executable, "-m", "uniseq.run", "trainer=ddp_cpu", *FIXED, *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A run of two processes and two epochs, under Hydra's own name for its folder."""
    folder = tmp_path_factory.mktemp("shared")
    command(folder, *WATCH, "trainer.max_epochs=2")
    return folder


def test_one_folder_and_one_record_with_the_figures_of_one_process(shared, tmp_path):
    (path,) = shared.rglob("record.json")
    record, expected = read_record(path), alone(tmp_path, *WATCH, "trainer.max_epochs=2")
    assert record.status == "finished"
    assert record.environment["processes"] == 2
    assert expected.environment["processes"] == 1
    assert record.best_epoch == expected.best_epoch
    assert record.test == pytest.approx(expected.test, abs=1e-4)
    for epoch, alike in zip(record.epochs, expected.epochs, strict=True):
        assert epoch == pytest.approx(alike, abs=1e-4)
    ranks, alike = np.load(path.parent / "ranks.npz"), np.load(tmp_path / "ranks.npz")
    assert np.array_equal(ranks["masked"], alike["masked"])
    assert record.yardsticks == expected.yardsticks
    (watched,) = record.sphere
    assert watched["histories"]["vectors"] == expected.sphere[0]["histories"]["vectors"] == 120
    assert watched["items"]["effective_rank"] == pytest.approx(
        expected.sphere[0]["items"]["effective_rank"], rel=1e-4
    )
    written = [(run / "metrics.csv").read_text().count("\n") for run in (path.parent, tmp_path)]
    assert written[0] == written[1] > 4
    assert {p.name for p in path.parent.glob("checkpoints/*")} == {"best.ckpt", "last.ckpt"}


def test_a_run_of_two_processes_is_resumed_by_two(shared, tmp_path):
    (last,) = shared.rglob("last.ckpt")
    command(tmp_path, "trainer.max_epochs=3", f"ckpt_path={last}", f"hydra.run.dir={tmp_path}")
    record, expected = (
        read_record(tmp_path / "record.json"),
        alone(tmp_path / "alone", "trainer.max_epochs=3"),
    )
    assert record.resumed_from == str(last)
    assert [epoch["epoch"] for epoch in record.epochs] == [0, 1, 2]
    assert record.test == pytest.approx(expected.test, abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["dataset.batch_size=1"], "dataset.batch_size: 1 triplets cannot be shared by 2"),
        (["trainer.strategy=ddp_spawn"], "trainer.strategy: several processes share a run under"),
        (
            ["trainer.use_distributed_sampler=true"],
            "trainer.use_distributed_sampler: must be false",
        ),
    ],
    ids=["batch", "strategy", "sampler"],
)
def test_what_cannot_be_shared_is_refused_before_a_process_is_started(tmp_path, overrides, fault):
    with pytest.raises(ConfigError, match=fault):
        alone(tmp_path, "trainer=ddp_cpu", *overrides)
    assert "LOCAL_RANK" not in os.environ


def test_a_run_of_a_sweep_is_not_shared_as_its_command_line_cannot_be_repeated(tmp_path):
    shared = recipe(composed([*FIXED, "trainer=ddp_cpu"]))
    with pytest.raises(ConfigError, match="trainer: starts 2 processes by repeating the command"):
        run_once(shared, tmp_path)
    assert "LOCAL_RANK" not in os.environ


def test_divergence_ends_all_processes_with_a_line(tmp_path):
    stderr = command(tmp_path, "optimizer.lr=1e30", "similarity=dot", "loss=bce", status=1)
    fault = "is nan in epoch 0: training diverged; lower optimizer.lr"
    lines = [line for line in stderr.splitlines() if line.startswith("error")]
    # The process that ends first may take the other along before it has said so too.
    assert lines
    assert {line.partition("train/")[0] for line in lines} <= {"error in process 1: ", "error: "}
    assert all(line.endswith(fault) for line in lines)
    (path,) = tmp_path.rglob("record.json")
    assert read_record(path).status == "failed"
