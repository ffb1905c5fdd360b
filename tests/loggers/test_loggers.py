"""What the loggers leave behind is read back."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from lightning.pytorch import Callback

from tests.commands.test_run import run
from tests.config_runs import TINY, composed
from tests.loggers.wandb_files import offline_run, offline_runs
from uniseq.config.recipes import recipe
from uniseq.records.store import read_record
from uniseq.training.train import train


class FullDisk(Callback):
    """Ends the third epoch before its checkpoint is written."""

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise OSError(28, "No space left on device")


def resumed(folder, *overrides):
    """The record of a run of four epochs that was cut off in the third."""
    cfg = composed([*TINY, "trainer.max_epochs=4", *overrides])
    with pytest.raises(OSError, match="No space"):
        train(recipe(cfg), folder, watchers=[FullDisk()])
    return train(recipe(cfg), folder, folder / "checkpoints" / "last.ckpt")


def test_csv_of_a_resumed_run_is_that_of_an_undisturbed_one(tmp_path):
    resumed(tmp_path / "cut")
    run(tmp_path / "whole", "trainer.max_epochs=4")
    cut, whole = ((tmp_path / name / "metrics.csv").read_text() for name in ("cut", "whole"))
    assert cut == whole


def test_an_anew_begun_run_begins_its_csv_anew(tmp_path):
    run(tmp_path, "trainer.max_epochs=2")
    once = (tmp_path / "metrics.csv").read_text()
    run(tmp_path, "trainer.max_epochs=2")
    assert (tmp_path / "metrics.csv").read_text() == once


def test_a_resumed_run_goes_on_with_its_wandb_run(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    record = resumed(tmp_path, "logger=wandb")
    first, second = offline_runs(tmp_path)
    assert first.settings["run_id"] == second.settings["run_id"]
    assert record.environment["loggers"][0]["run"] == second.settings["run_id"]
    assert (first.finished, second.finished) == (1, 0)
    rows = [
        (row["epoch"], row["val/masked/HR@10"])
        for row in second.history
        if "val/masked/HR@10" in row
    ]
    assert rows == [(epoch["epoch"], epoch["val/masked/HR@10"]) for epoch in record.epochs[2:]]
    kept = [row["epoch"] for row in first.history if "val/masked/HR@10" in row]
    assert kept == [0, 1, 2]


def test_a_wandb_run_of_ones_own_id_keeps_it(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    resumed(tmp_path, "logger=wandb", "+logger.id=my-own-id")
    assert [each.settings["run_id"] for each in offline_runs(tmp_path)] == ["my-own-id"] * 2


def test_csv_has_a_row_an_epoch(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=2")
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = [float(row["val/masked/NDCG@10"]) for row in rows if row["val/masked/NDCG@10"]]
    assert kept == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
    assert float(rows[-1]["test/masked/HR@10"]) == pytest.approx(record.test["masked/HR@10"])


def test_an_offline_wandb_run_holds_config_curves_and_summary(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    record = run(tmp_path, "logger=wandb", "trainer.max_epochs=2", "name=mine", "tags=[a,b]")
    assert wandb.run is None  # finished, so that the next run of a sweep gets its own
    kept = offline_run(tmp_path)
    curve = [row["val/masked/NDCG@10"] for row in kept.history if "val/masked/NDCG@10" in row]
    assert curve == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
    assert kept.config["loss"]["beta"] == record.config["loss"]["beta"] == 0.05
    assert kept.settings["display_name"] == "mine"
    assert kept.settings["run_group"] == "synthetic"
    assert kept.settings["job_type"] == "sasrec_uniform_cosine"
    assert kept.settings["tags"] == ["a", "b"]
    assert kept.summary["test/masked/HR@10"] == pytest.approx(record.test["masked/HR@10"])
    assert kept.summary["val/masked/NDCG@10"] == pytest.approx(curve[-1])
    assert record.environment["loggers"][0]["run"] == kept.settings["run_id"]
    assert kept.finished == 0


def test_the_axis_of_a_wandb_run_is_the_epoch(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    record = run(tmp_path, "logger=wandb", "trainer.max_epochs=3")
    kept = offline_run(tmp_path)
    assert kept.axes == {"*": "epoch"}
    for name in ("val/masked/HR@10", "train/loss"):
        curve = {row["epoch"]: row[name] for row in kept.history if name in row}
        assert curve == pytest.approx({int(e["epoch"]): e[name] for e in record.epochs})


def test_cosine_histograms_reach_wandb(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    watch = ("sphere=watch", "sphere.epochs=[0,2]", "trainer.max_epochs=3")
    record = run(tmp_path, "logger=wandb", *watch)
    kept = offline_run(tmp_path)
    for part in ("histories", "items"):
        name = f"sphere/{part}/cosine"
        rows = [row for row in kept.history if f"{name}/histogram" in row]
        assert [row["epoch"] for row in rows] == [0, 2]
        for row, measured in zip(rows, record.sphere, strict=True):
            assert row[f"{name}/histogram"]["_type"] == "histogram"
            counts = measured[part]["cosine"]["histogram"]["counts"]
            assert row[f"{name}/histogram"]["values"] == counts
            assert row[f"{name}/histogram"]["bins"] == pytest.approx(np.linspace(-1, 1, 202))
            (folder,) = (tmp_path / "wandb").glob("offline-run-*")
            table = json.loads((folder / "files" / row[f"{name}/table"]["path"]).read_text())
            assert table["columns"] == ["cosine", "density"]
            cosines, densities = np.array(table["data"]).T
            assert densities.sum() * 2 / 201 == pytest.approx(1)
            assert densities @ cosines * 2 / 201 == pytest.approx(
                measured[part]["cosine"]["mean"], abs=1 / 201
            )
    assert kept.summary["sphere/items/cosine/histogram"]["values"] == counts


def test_each_run_of_a_sweep_is_a_wandb_run_of_its_own(tmp_path):
    pytest.importorskip("wandb")
    tiny = [*TINY, "trainer=smoke", f"results_dir={tmp_path}"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "uniseq.run", "--multirun", "logger=wandb", *tiny),
            *("loss=bce,uniform", "name=lr${optimizer.lr}_seed${seed}", "seed=3"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"WANDB_SILENT": "true"},
    )
    assert done.returncode == 0, done.stderr
    kept = {}
    for path in tmp_path.glob("**/record.json"):
        record, left = read_record(path), offline_run(path.parent)
        assert record.environment["loggers"][0] == {
            "type": "WandbLogger",
            "run": left.settings["run_id"],
        }
        assert left.finished == 0
        assert left.settings["project"] == "uniseq"
        assert left.settings["run_group"] == "synthetic"
        assert left.config["seed"] == record.seed
        assert left.summary["test/masked/HR@10"] == pytest.approx(record.test["masked/HR@10"])
        kept[left.settings["run_id"]] = (left.settings["display_name"], *left.settings["tags"])
    assert sorted(kept.values()) == [
        ("lr0.0003_seed3", "sasrec", loss, "cosine") for loss in ("bce", "uniform")
    ]


def test_tensorboard_events_hold_the_curve(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = run(tmp_path, "logger=tensorboard", "trainer.max_epochs=2")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    values = [event.value for event in events.Scalars("val/masked/NDCG@10")]
    assert values == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
