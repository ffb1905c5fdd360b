"""What the loggers leave behind is read back."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.config_runs import TINY
from tests.test_run import run
from tests.wandb_files import offline_run
from uniseq.records.store import read_record


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
    assert record.environment["logger"]["run"] == kept.settings["run_id"]
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
        assert record.environment["logger"] == {
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
