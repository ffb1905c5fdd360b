import dataclasses
import json
from importlib import import_module
from pathlib import Path

import pytest

from uniseq.config.schema import RunConfig
from uniseq.records.identity import (
    AS_BEFORE,
    FIRST_NAMES,
    FORMER_KEYS,
    current_config,
    current_name,
    first_name,
    hash_config,
    identity,
    portable,
    run_id,
)
from uniseq.records.store import RECORD, read_record

RESULTS = Path(__file__).parents[2] / "experiments" / "results"
COMMITTED = sorted(RESULTS.glob(f"*/{RECORD}"))


def targets(node):
    """Every class that a config names, wherever it stands."""
    if isinstance(node, list):
        return {target for each in node for target in targets(each)}
    if not isinstance(node, dict):
        return set()
    own = {node["_target_"]} if "_target_" in node else set()
    return own.union(*map(targets, node.values()))


def load(target):
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def test_there_are_committed_records():
    assert len(COMMITTED) >= 55


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_record_keeps_its_hash_its_folder_and_its_classes(path):
    record = read_record(path)
    assert hash_config(identity(record.config)) == record.config_hash
    fingerprint = record.dataset["fingerprint"]
    assert path.parent.name == f"{record.name}-{run_id(record.config_hash, fingerprint)}"
    for target in targets(record.config):
        assert isinstance(load(current_name(target)), type), target


@pytest.mark.parametrize(("now", "first"), FIRST_NAMES.items())
def test_a_first_name_leads_to_the_class_and_back(now, first):
    assert f"{load(now).__module__}.{load(now).__qualname__}" == now
    assert (first_name(now), current_name(first)) == (first, now)
    assert first_name(first) == first


def test_no_two_classes_share_a_first_name_and_none_is_where_another_lies():
    assert len(set(FIRST_NAMES.values())) == len(FIRST_NAMES)
    assert not FIRST_NAMES.keys() & set(FIRST_NAMES.values())


def test_a_record_keeps_first_names_at_any_depth_and_no_place_of_the_machine():
    now = "uniseq.data.sources.raw_log.RawLog"
    plain = {
        "dataset": {"source": {"_target_": now, "data_dir": "/here", "core": 5}},
        "callbacks": [{"_target_": "uniseq.training.callbacks.sphere_watch.SphereWatch"}],
        "results_dir": "/there",
    }
    assert portable(plain) == {
        "dataset": {"source": {"_target_": "uniseq.data.raw.RawLog", "data_dir": None, "core": 5}},
        "callbacks": [{"_target_": "uniseq.watch.SphereWatch"}],
        "results_dir": None,
    }


def test_the_identity_of_a_record_is_that_of_the_config_it_was_made_from():
    plain = {
        "optimizer": {"_target_": "uniseq.embedding.rowwise_adam.RowwiseAdam", "lr": 1e-3},
        "dataset": {"source": {"_target_": "mine.Source", "data_dir": "/here"}},
        "logger": {"_target_": "mine.Logger"},
        "seed": 0,
    }
    assert identity(plain) == identity(portable(plain))
    assert identity(plain) == {
        "optimizer": {"_target_": "uniseq.adam.RowwiseAdam", "lr": 1e-3},
        "dataset": {"source": {"_target_": "mine.Source"}},
        "seed": 0,
    }


def test_a_former_key_has_the_name_of_today_and_changes_no_identity():
    assert current_config({"trial": None}).keys() == {"study", *AS_BEFORE[""]}
    assert (
        identity({"trial": "a", "seed": 0}) == identity({"study": None, "seed": 0}) == {"seed": 0}
    )
    fields = {field.name for field in dataclasses.fields(RunConfig)}
    assert set(FORMER_KEYS.values()) <= fields
    assert not FORMER_KEYS.keys() & fields


def test_a_later_key_counts_only_where_it_is_not_as_before(monkeypatch):
    monkeypatch.setitem(AS_BEFORE, "", {"scheduler": None})
    monkeypatch.setitem(AS_BEFORE, "ranking", {"every": 1})
    monkeypatch.setitem(AS_BEFORE, "mine.Loss", {"smoothing": 0.0, "hard": False})
    old = {"loss": {"_target_": "mine.Loss"}, "ranking": {"ks": [10]}}
    same = {
        "loss": {"_target_": "mine.Loss", "smoothing": 0.0, "hard": False},
        "ranking": {"ks": [10], "every": 1},
        "scheduler": None,
    }
    assert identity(same) == identity(old) == old
    changes = (("loss", "hard", 0), ("loss", "smoothing", 0.1), ("ranking", "every", 2))
    for group, key, value in changes:
        other = json.loads(json.dumps(same))
        other[group][key] = value
        assert identity(other) == {**old, group: {**old[group], key: value}}
    assert identity({**same, "scheduler": {"_target_": "mine.Cosine"}}) != old


def test_a_later_group_counts_only_by_its_keys_that_are_not_as_before(monkeypatch):
    monkeypatch.setitem(AS_BEFORE, "", {"drawn": {}})
    monkeypatch.setitem(AS_BEFORE, "drawn", {"std": 0.02, "mean": 0})
    old = {"seed": 0}
    assert identity({"seed": 0, "drawn": {"std": 0.02}}) == old
    assert identity({"seed": 0, "drawn": {"std": 0.02, "mean": 0}}) == old
    other = {"seed": 0, "drawn": {"std": 0.1, "mean": 0}}
    assert identity(other) == {"seed": 0, "drawn": {"std": 0.1}}


def test_a_record_has_each_later_key_as_it_was_before(monkeypatch):
    monkeypatch.setitem(AS_BEFORE, "", {"drawn": {}, "scheduler": None})
    monkeypatch.setitem(AS_BEFORE, "drawn", {"std": 0.02})
    monkeypatch.setitem(AS_BEFORE, "uniseq.data.raw.RawLog", {"at": ["a", "b"]})
    now = "uniseq.data.sources.raw_log.RawLog"
    old = {"trial": None, "dataset": {"source": {"_target_": now}}, "loss": [{"rec": 1}]}
    whole = current_config(old)
    assert whole == {
        "study": None,
        "dataset": {"source": {"_target_": now, "at": ["a", "b"]}},
        "loss": [{"rec": 1}],
        "drawn": {"std": 0.02},
        "scheduler": None,
    }
    assert identity(whole) == identity(old)
    given = {"drawn": {"std": 0.1}, "scheduler": 1, "dataset": {"_target_": now, "at": []}}
    assert current_config(given) == given
    whole["dataset"]["source"]["at"].append("c")
    assert AS_BEFORE["uniseq.data.raw.RawLog"] == {"at": ["a", "b"]}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_record_started_its_items_at_the_former_scale(path):
    record = read_record(path)
    whole = current_config(record.config)
    assert whole["items"] == {"std": 0.02}
    assert hash_config(identity(whole)) == record.config_hash
