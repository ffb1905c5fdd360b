"""Records of another shape are refused with file and key, whatever was done to them."""

import copy
import json
import random
import time

import pytest

from tests.report.cases import record
from uniseq.errors import DataError
from uniseq.ranking.gains import METRICS
from uniseq.records.shape import RATES
from uniseq.records.store import read_finished, read_record

CONTENT = json.loads(record().to_json())


def changed(path, value):
    """The record with another value at a path."""
    content = copy.deepcopy(CONTENT)
    node = content
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return content


def written(tmp_path, content):
    path = tmp_path / "record.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_metrics_that_are_rates_are_those_by_name():
    assert METRICS.keys() == RATES


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["status"], "running"),
        (["name"], "../../x"),
        (["name"], ""),
        (["name"], "a\nb"),
        (["name"], "a" * 241),
        (["config"], []),
        (["config", "ranking"], None),
        (["config", "ranking", "history"], "../x"),
        (["config", "backbone", "_target_"], ["a"]),
        (["config", "seed"], "0"),
        (["seed"], True),
        (["seed"], -1),
        (["test", "masked/HR@10"], 5),
        (["test", "masked/HR@10"], -0.1),
        (["test", "masked/HR@10"], None),
        (["test", "masked/HR@10"], float("nan")),
        (["test", "masked/HR@10"], 1e999),
        (["test", "masked/HR@10"], 10**400),
        (["test", "masked/HR@10|x"], 0.1),
        (["test"], [0.1]),
        (["yardsticks", "popularity", "masked/HR@10"], 2.0),
        (["yardsticks", "popularity"], 2.0),
        (["epochs"], {}),
        (["epochs", 0], 1),
        (["epochs", 0, "epoch"], "0"),
        (["epochs", 0, "epoch"], 0.5),
        (["epochs", 1, "val/masked/NDCG@10"], 1.5),
        (["epochs", 1, "val/masked/NDCG@10"], "0.5"),
        (["best_epoch"], -1),
        (["stopped"], 3),
        (["ranks_file"], "../../ranks.npz"),
        (["ranks_file"], "/etc/passwd"),
        (["dataset", "ranked_users"], 8),
        (["dataset", "ranked_users", "test"], -8),
        (["dataset", "name"], {}),
        (["dataset", "users"], "many"),
        (["sphere"], [{"epoch": 0}]),
        (["timings", "epochs"], [{"train": "2"}]),
        (["timings", "wall_s"], -1),
        (["environment", "packages"], ["torch"]),
        (["environment", "threads"], 0),
        (["error"], "of some kind"),
        (["error"], {"type": "E"}),
        (["more"], 1),
        (["schema"], 2),
    ],
)
def test_a_value_of_another_shape_is_refused_with_file_and_key(path, value, tmp_path):
    file = written(tmp_path, changed(path, value))
    with pytest.raises(DataError) as raised:
        read_record(file)
    message = str(raised.value)
    assert message.startswith(f"{file}: ")
    assert message.count("\n") == 0
    if value == value and abs(value if isinstance(value, float) else 0) != float("inf"):
        assert (str(path[0]) if path != ["schema"] else "layout") in message


@pytest.mark.parametrize(
    "content",
    ["", "null", "3", "[]", '"a"', "[" * 100_000, '{"schema": [1]}', "{" + "\0" * 9, "\ufeff{}"],
)
def test_json_of_another_kind_is_refused(content, tmp_path):
    with pytest.raises(DataError, match=r"record.json: "):
        read_record(written(tmp_path, content))


def test_text_that_cannot_be_written_again_is_refused(tmp_path):
    content = json.dumps(changed(["dataset", "name"], "\ud800"))
    with pytest.raises(DataError, match="surrogates not allowed"):
        read_record(written(tmp_path, content))


def test_a_config_that_lies_too_deep_is_refused(tmp_path):
    deep = value = {}
    for _ in range(200):
        value["a"] = {}
        value = value["a"]
    with pytest.raises(DataError, match="lies too deep"):
        read_record(written(tmp_path, changed(["config", "deep"], deep)))


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (["test"], {}, "test: is not there"),
        (["epochs"], [], "epochs, val/masked/NDCG@10: is not there"),
        (["dataset"], {}, "dataset.name: is not there"),
        (["dataset"], {"name": "a", "fingerprint": "b"}, "dataset.ranked_users: is not there"),
        (["status"], "failed", "only a finished one will do"),
    ],
)
def test_what_a_finished_run_lacks_is_named(path, value, fault, tmp_path):
    with pytest.raises(DataError, match=fault):
        read_finished(written(tmp_path, changed(path, value)))


def test_ones_own_metric_may_be_any_number(tmp_path):
    assert read_record(written(tmp_path, changed(["test", "masked/Mine@10"], -3.5))).test[
        "masked/Mine@10"
    ] == (-3.5)


ODD = [None, True, -1, 5, 1e308, "", "x", "../x", [], [[]], {}, {"a": {}}, [1, "a"], "\x1b[31m"]


def mutant(content, chance):
    """The content with one value somewhere taken away, doubled or made another."""
    node, key = content, None
    while isinstance(node, dict | list) and node and (key is None or chance.random() < 0.8):
        parent = node
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        node = node[key]
    if chance.random() < 0.3:
        del parent[key]
    else:
        parent[key] = chance.choice(ODD)
    return content


def test_of_many_mutants_each_is_read_or_refused_in_one_line(tmp_path):
    chance, refused = random.Random(0), 0
    for _ in range(400):
        file = written(tmp_path, mutant(copy.deepcopy(CONTENT), chance))
        try:
            read_record(file)
        except DataError as error:
            refused += 1
            assert str(error).startswith(f"{file}: ")
            assert "\n" not in str(error)
    assert 150 < refused < 400


def test_a_long_record_is_read_in_no_time(tmp_path):
    epochs = [
        {"epoch": epoch, **{f"val/masked/HR@{k}": 0.5 for k in range(1, 11)}}
        for epoch in range(2000)
    ]
    file = written(tmp_path, changed(["epochs"], epochs))
    began = time.process_time()
    read_record(file)
    assert time.process_time() - began < 1
