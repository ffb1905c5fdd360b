"""Whole runs: records, repeats, resumption, failures, loggers, one's own classes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from omegaconf import open_dict

from tests.config_runs import TINY, composed, run
from uniseq.config.recipes import recipe
from uniseq.errors import ConfigError, DataError, UniseqError
from uniseq.records.store import read_record
from uniseq.training.train import train

SIDES = ("masked", "unmasked")
EXAMPLES = Path(__file__).parents[2] / "experiments" / "examples"


def repeatable(record) -> dict:
    """The record without what differs from run to run by nature."""
    content = asdict(record) if not isinstance(record, dict) else record
    skipped = ("timings", "environment", "resumed_from")
    config = {k: v for k, v in content["config"].items() if k not in ("results_dir", "ckpt_path")}
    return {k: v for k, v in content.items() if k not in skipped} | {"config": config}


def test_a_run_leaves_a_whole_record(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=3")
    content = json.loads((tmp_path / "record.json").read_text())
    assert content["status"] == "finished"
    assert [epoch["epoch"] for epoch in content["epochs"]] == [0, 1, 2]
    assert {"train/loss", "train/rec", "train/hom", "train/het"} <= content["epochs"][0].keys()
    assert {"val/masked/NDCG@10", "val/unmasked/HR@10"} <= content["epochs"][0].keys()
    assert content["dataset"]["users"] == 120
    assert content["dataset"]["ranked_users"] == {"validation": 120, "test": 120}
    assert content["dataset"]["fingerprint"].startswith("synthetic-")
    assert set(content["yardsticks"]) == {
        "popularity",
        "own_history",
        "markov",
        "item_knn",
        "optimum",
    }
    assert (content["stopped"], content["capped"]) == ("cap of 3 epochs reached", True)
    assert isinstance(content["environment"]["dirty"], bool)
    assert content["environment"]["commit"] is None or content["environment"]["commit"].isalnum()
    assert content["environment"]["packages"]["torch"]
    assert content["timings"]["peak_memory_mb"] > 0
    assert len(content["timings"]["epochs"]) == 3
    assert read_record(tmp_path / "record.json") == record
    assert (tmp_path / "curve.png").stat().st_size > 1000
    assert str(tmp_path) not in (tmp_path / "record.json").read_text()  # it travels
    best = max(content["epochs"], key=lambda epoch: epoch["val/masked/NDCG@10"])
    assert content["best_epoch"] == best["epoch"]


def test_the_kept_ranks_give_the_recorded_metrics(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=2", "ranking.ks=[5,10]")
    ranks = np.load(tmp_path / record.ranks_file)
    for side in ("masked", "unmasked"):
        values = ranks[side]
        assert values.shape == (120,)
        assert record.test[f"{side}/HR@5"] == pytest.approx((values <= 5).mean())
        gains = np.where(values <= 10, 1 / np.log2(values + 1.0), 0)
        assert record.test[f"{side}/NDCG@10"] == pytest.approx(gains.mean(), rel=1e-5)


def test_a_sample_of_users_is_ranked_and_counted(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=1", "dataset.eval_users=30")
    assert record.dataset["ranked_users"] == {"validation": 30, "test": 30}
    assert record.config["dataset"]["eval_users"] == 30
    ranks = np.load(tmp_path / record.ranks_file)["masked"]
    assert ranks.shape == (30,)
    assert record.test["masked/HR@10"] == pytest.approx((ranks <= 10).mean())


def test_the_same_seed_gives_the_same_record_and_another_does_not(tmp_path):
    first = run(tmp_path / "a", "trainer.max_epochs=2")
    second = run(tmp_path / "b", "trainer.max_epochs=2")
    other = run(tmp_path / "c", "trainer.max_epochs=2", "seed=1")
    assert repeatable(first) == repeatable(second)
    assert first.epochs != other.epochs
    assert first.config_hash == second.config_hash != other.config_hash


def test_the_tested_checkpoint_is_the_best_and_patience_ends_the_run(tmp_path):
    record = run(tmp_path, "ranking.patience=2", "optimizer.lr=0.1", "trainer.max_epochs=60")
    watched = [epoch["val/masked/NDCG@10"] for epoch in record.epochs]
    assert record.best_epoch == int(np.argmax(watched))
    assert len(watched) == record.best_epoch + 3
    assert record.stopped == "no better val/masked/NDCG@10 for 2 epochs"
    assert record.capped is False


def test_early_stopping_can_watch_the_unmasked_figure(tmp_path):
    record = run(
        tmp_path, "ranking.history=unmasked", "ranking.monitor=HR@10", "trainer.max_epochs=4"
    )
    watched = [epoch["val/unmasked/HR@10"] for epoch in record.epochs]
    assert record.best_epoch == int(np.argmax(watched))


SMOKE = [sys.executable, "-m", "uniseq.run", "trainer=smoke"]
COMMAND = [sys.executable, "-m", "uniseq.run", *TINY, "trainer.max_epochs=6"]


def test_a_killed_run_resumed_ends_like_the_uninterrupted_one(tmp_path):
    whole = run(tmp_path / "whole", "trainer.max_epochs=6")
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, f"hydra.run.dir={killed}"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    metrics = killed / "metrics.csv"
    deadline = time.monotonic() + 120
    # The second epoch's checkpoint is there, the third epoch is running.
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.exists() and metrics.read_text().count("\n") >= 5:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "record.json").exists()
    resumed = run(
        tmp_path / "resumed",
        "trainer.max_epochs=6",
        f"ckpt_path={killed / 'checkpoints' / 'last.ckpt'}",
    )
    assert repeatable(resumed) == repeatable(whole)
    assert resumed.resumed_from == str(killed / "checkpoints" / "last.ckpt")


def test_a_run_cannot_be_resumed_under_another_config(tmp_path):
    run(tmp_path / "a", "trainer.max_epochs=1")
    last = tmp_path / "a" / "checkpoints" / "last.ckpt"
    with pytest.raises(ConfigError, match=r"ckpt_path: .*differs in loss\.beta"):
        run(tmp_path / "b", "trainer.max_epochs=2", f"ckpt_path={last}", "loss.beta=.1")


def test_a_finished_run_can_be_prolonged(tmp_path):
    whole = run(tmp_path / "whole", "trainer.max_epochs=3")
    run(tmp_path / "a", "trainer.max_epochs=2")
    last = tmp_path / "a" / "checkpoints" / "last.ckpt"
    # What cannot change the result may differ.
    harmless = ("logger=tensorboard", "trainer.log_every_n_steps=1", "name=other")
    longer = run(tmp_path / "b", "trainer.max_epochs=3", f"ckpt_path={last}", *harmless)
    assert longer.epochs == whole.epochs
    assert longer.test == whole.test
    assert longer.config_hash == whole.config_hash


def test_a_failed_run_leaves_its_error_in_a_record(tmp_path):
    with pytest.raises(DataError):
        folder, source = f"data_dir={tmp_path}", ("dataset=file", "dataset.source.file=x.txt")
        train(recipe(composed([*source, folder, "trainer.accelerator=cpu"])), tmp_path)
    record = read_record(tmp_path / "record.json")
    assert record.status == "failed"
    assert record.error["type"] == "DataError"
    assert "x.txt" in record.error["message"]
    assert record.test == {}


def test_divergence_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UniseqError, match=r"training diverged; lower optimizer\.lr"):
        run(tmp_path, "optimizer.lr=1e30", "similarity=dot", "loss=bce", "trainer.max_epochs=3")
    assert read_record(tmp_path / "record.json").status == "failed"


@pytest.mark.parametrize(
    "overrides",
    [
        ("loss=custom", "loss._target_=own_loss.MarginLoss", "+loss.margin=.3"),
        ("backbone=custom", "backbone._target_=own_backbone.RecentMean", "+backbone.dim=16"),
        ("dataset=custom", "dataset.source._target_=own_source.Walks"),
    ],
    ids=["loss", "backbone", "source"],
)
def test_ones_own_class_is_used_without_editing_the_package(tmp_path, overrides):
    tiny = [o for o in TINY if not o.startswith(overrides[0].partition("=")[0])]
    subprocess.run(
        [*SMOKE, *tiny, *overrides, f"hydra.run.dir={tmp_path}"],
        cwd=EXAMPLES,
        check=True,
        capture_output=True,
    )
    record = read_record(tmp_path / "record.json")
    assert record.status == "finished"
    if "loss=custom" in overrides:
        assert record.epochs[0]["train/margin"] == record.epochs[0]["train/loss"] > 0
    if "dataset=custom" in overrides:
        assert record.dataset["name"] == "walks"


def test_ones_own_metrics_are_measured_and_watched_without_editing_the_package(tmp_path):
    nodes = (
        "{_target_: own_metric.RBP, p: 0.9}",
        "{_target_: own_metric.precision, _partial_: true}",
    )
    ranking = (f"ranking.metrics=[HR,NDCG,{','.join(nodes)}]", "ranking.monitor=RBP@10")
    done = subprocess.run(
        [*SMOKE, *TINY, *ranking, f"hydra.run.dir={tmp_path}"],
        cwd=EXAMPLES,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "RBP@10" in done.stdout
    record = read_record(tmp_path / "record.json")
    assert record.config["ranking"]["metrics"][2] == {"_target_": "own_metric.RBP", "p": 0.9}
    names = {f"{side}/{m}@10" for side in SIDES for m in ("HR", "NDCG", "RBP", "precision")}
    assert record.test.keys() == record.yardsticks["markov"].keys() == names
    assert {f"val/{name}" for name in names} <= record.epochs[0].keys()
    ranks = np.load(tmp_path / record.ranks_file)["masked"]
    gains = np.where(ranks <= 10, 0.1 * 0.9 ** (ranks - 1.0), 0)
    assert record.test["masked/RBP@10"] == pytest.approx(gains.mean(), rel=1e-6)
    assert record.test["masked/precision@10"] == pytest.approx(record.test["masked/HR@10"] / 10)
    watched = [epoch["val/masked/RBP@10"] for epoch in record.epochs]
    assert record.best_epoch == int(np.argmax(watched))


def test_the_same_gain_by_two_names_is_one_figure_and_other_metrics_another_identity(tmp_path):
    record = run(tmp_path / "a", "trainer.max_epochs=1", "ranking.metrics=[HR,MRR,Recall,MAP,NDCG]")
    plain = run(tmp_path / "b", "trainer.max_epochs=1")
    for side in SIDES:
        assert record.test[f"{side}/Recall@10"] == record.test[f"{side}/HR@10"]
        assert record.test[f"{side}/MAP@10"] == record.test[f"{side}/MRR@10"]
    assert record.test.items() > plain.test.items()
    assert record.config_hash != plain.config_hash


def test_a_record_of_before_metrics_were_chosen_is_run_with_the_same_figures(tmp_path):
    cfg = composed([*TINY, f"results_dir={tmp_path}", "trainer.max_epochs=1"])
    record = train(recipe(cfg), tmp_path / "a")
    with open_dict(cfg):
        del cfg.ranking.metrics
    old = train(recipe(cfg), tmp_path / "b")
    assert (old.test, old.config_hash) == (record.test, record.config_hash)


def test_the_sweep_syntax_makes_one_record_a_run(tmp_path):
    subprocess.run(
        [
            *SMOKE[:3],
            "--multirun",
            "trainer=smoke",
            *TINY,
            "loss.beta=.05,.01",
            f"hydra.sweep.dir={tmp_path}",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    betas = {read_record(path).config["loss"]["beta"] for path in tmp_path.glob("*/record.json")}
    assert betas == {0.05, 0.01}


def test_testing_a_resumed_run_needs_nothing_of_the_run_it_came_from(tmp_path, monkeypatch):
    """Its best epoch, taken over, still names the former folder, which may be gone by then."""
    options = ("trainer.max_epochs=2", "optimizer.lr=0.0")  # no epoch is better than the first
    run(tmp_path / "a", "trainer.max_epochs=1", "optimizer.lr=0.0")
    former = tmp_path / "a" / "checkpoints"
    import lightning.pytorch

    test = lightning.pytorch.Trainer.test

    def moved_away(*arguments, **named):
        former.rename(tmp_path / "elsewhere")
        return test(*arguments, **named)

    monkeypatch.setattr(lightning.pytorch.Trainer, "test", moved_away)
    record = run(tmp_path / "b", *options, f"ckpt_path={former / 'last.ckpt'}")
    assert record.status == "finished"
    assert record.best_epoch == 0
