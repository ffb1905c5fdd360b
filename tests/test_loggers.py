"""What the loggers leave behind is read back."""

import csv
import json
import struct

import pytest

from tests.test_run import run


def wandb_entries(content: bytes):
    """The entries of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    assert content[:4] == b":W&B"
    at, whole = 7, b""
    while at < len(content):
        left = 32768 - at % 32768
        if left < 7:  # the rest of a block that no entry fits in
            at += left
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole entry, or the last part of one
            yield whole
            whole = b""


def test_csv_has_a_row_an_epoch(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=2")
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = [float(row["val/masked/NDCG@10"]) for row in rows if row["val/masked/NDCG@10"]]
    assert kept == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
    assert float(rows[-1]["test/masked/HR@10"]) == pytest.approx(record.test["masked/HR@10"])


def test_an_offline_wandb_run_holds_config_curves_and_summary(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from google.protobuf.json_format import MessageToDict
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_SILENT", "true")
    record = run(tmp_path, "logger=wandb", "trainer.max_epochs=2", "name=mine", "tags=[a,b]")
    assert wandb.run is None  # finished, so that the next run of a sweep gets its own
    (file,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    history, config, summary, settings = [], {}, {}, {}
    for data in wandb_entries(file.read_bytes()):
        entry = Record()
        entry.ParseFromString(data)
        kind = entry.WhichOneof("record_type")
        if kind == "history":
            items = {i.key or "/".join(i.nested_key): i.value_json for i in entry.history.item}
            history.append(items)
        elif kind == "config":
            config |= {i.key or "/".join(i.nested_key): i.value_json for i in entry.config.update}
        elif kind == "summary":
            summary |= {i.key or "/".join(i.nested_key): i.value_json for i in entry.summary.update}
        elif kind == "run":
            settings |= MessageToDict(entry.run, preserving_proto_field_name=True)
            config |= {i.key: i.value_json for i in entry.run.config.update}
    curve = [float(row["val/masked/NDCG@10"]) for row in history if "val/masked/NDCG@10" in row]
    assert curve == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
    assert json.loads(config["loss"])["beta"] == record.config["loss"]["beta"] == 0.05
    assert settings["display_name"] == "mine"
    assert settings["run_group"] == "synthetic"
    assert settings["tags"] == ["a", "b"]
    assert float(summary["test/masked/HR@10"]) == pytest.approx(record.test["masked/HR@10"])
    assert float(summary["val/masked/NDCG@10"]) == pytest.approx(curve[-1])
    assert record.environment["logger"]["run"] == settings["run_id"]


def test_tensorboard_events_hold_the_curve(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = run(tmp_path, "logger=tensorboard", "trainer.max_epochs=2")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    values = [event.value for event in events.Scalars("val/masked/NDCG@10")]
    assert values == pytest.approx([epoch["val/masked/NDCG@10"] for epoch in record.epochs])
