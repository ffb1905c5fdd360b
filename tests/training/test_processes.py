"""Processes: who leads where the environment has ranks and the run has one process."""

from functools import partial

import pytest
from lightning.pytorch import Trainer
from lightning_utilities.core.rank_zero import rank_zero_only

from tests.config_runs import TINY, composed, run
from uniseq.config.recipes import recipe
from uniseq.sweep.worker import run_once
from uniseq.training.processes import leads, settle_lead

SLURM = {
    "SLURM_JOB_ID": "1",
    "SLURM_JOB_NAME": "job",
    "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "3",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "n1",
}
TORCHRUN = {
    "RANK": "3",
    "LOCAL_RANK": "3",
    "WORLD_SIZE": "4",
    "GROUP_RANK": "0",
    "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "1",
    "TORCHELASTIC_RUN_ID": "1",
}


@pytest.fixture(params=[SLURM, TORCHRUN, {"RANK": "3"}], ids=["slurm", "torchrun", "left"])
def task(request, monkeypatch):
    """One of four tasks, with the rank that Lightning takes from the environment on import."""
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 3)


def test_each_task_that_is_a_run_of_its_own_writes_all_it_has(task, tmp_path):
    record = run(tmp_path, "trainer.max_epochs=1")
    assert record.status == "finished"
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"record.json", "ranks.npz", "curve.png", "metrics.csv", "best.ckpt"} <= left


def test_each_task_of_a_sweep_claims_the_run_that_it_does(task, tmp_path):
    made = recipe(composed([*TINY, f"results_dir={tmp_path}", "trainer.max_epochs=1"]))
    assert run_once(made, tmp_path) > 0
    assert [path.name for path in tmp_path.glob(f"*-{made.id}/record.json")] == ["record.json"]
    assert (tmp_path / ".locks" / made.id).exists()


def test_a_task_that_shares_its_run_goes_by_its_rank(monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    settle_lead(partial(Trainer, accelerator="cpu", devices=4, strategy="ddp"))
    assert not leads()


def test_what_no_trainer_can_be_made_of_is_left_for_the_run_to_say(monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    settle_lead(partial(Trainer, accelerator="none such"))
    assert not leads()
