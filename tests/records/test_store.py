import json
import os

import pytest

from tests.records.cases import record
from uniseq.errors import DataError
from uniseq.records.identity import hash_config
from uniseq.records.store import read_record, write_atomically, write_record


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    kept = record(epochs=[{"epoch": 0, "val/masked/HR@10": 0.25}], test={"masked/HR@10": 0.5})
    assert read_record(write_record(tmp_path / "new" / "folder", kept)) == kept


def test_a_failed_write_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_atomically(path, b"former")

    def full_disk(_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_never_holds_what_json_does_not_know(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path, record(test={"masked/HR@10": float("nan")}))
    assert not (tmp_path / "record.json").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "is no readable record"), ('{"schema": 99}', "has layout 99"), (None, "is no readable")],
)
def test_an_unusable_record_is_named(tmp_path, content, reason):
    path = tmp_path / "record.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=reason) as raised:
        read_record(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "met_cap"),
    [
        ({"capped": True, "stopped": "in other words"}, True),
        ({"capped": False, "stopped": "cap of 3 epochs reached"}, False),
        ({"stopped": "cap of 3 epochs reached"}, True),  # of a former version
        ({"stopped": "no better val/masked/NDCG@10 for 2 epochs"}, False),
        ({}, False),
    ],
)
def test_the_cap_is_told_by_its_field_and_by_words_only_in_former_records(changes, met_cap):
    assert record(**changes).met_cap is met_cap


@pytest.mark.parametrize(
    ("environment", "dirty"),
    [
        ({"commit": "0123abc", "dirty": True}, True),
        ({"commit": "0123abc", "dirty": False}, False),
        ({"commit": None, "dirty": False}, False),
        ({"commit": "0123abc-dirty"}, True),  # of a former version
        ({"commit": "0123abc"}, False),
        ({}, False),
    ],
)
def test_a_changed_checkout_is_told_by_its_field_and_by_a_mark_only_in_former_records(
    environment, dirty
):
    assert record(environment=environment).dirty is dirty


def test_the_hash_depends_on_values_and_not_on_the_order_of_keys():
    assert hash_config({"a": 1, "b": {"c": 2}}) == hash_config({"b": {"c": 2}, "a": 1})
    assert hash_config({"a": 1}) != hash_config({"a": 2})


def test_the_record_is_plain_json_with_its_layout_named(tmp_path):
    content = json.loads(write_record(tmp_path, record()).read_text())
    assert content["schema"] == 1
    assert content["status"] == "finished"
