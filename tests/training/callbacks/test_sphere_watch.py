"""The sphere is watched without touching the run."""

import copy
import csv

import pytest
import torch

import uniseq.training.callbacks.sphere_watch
from tests.commands.test_run import run
from tests.config_runs import composed
from uniseq.config.check import check_config
from uniseq.errors import UniseqError
from uniseq.records.store import read_record
from uniseq.sphere import pair_statistics, top_items
from uniseq.training.callbacks.sphere_watch import SphereWatch

WATCH = ("sphere=watch", "sphere.epochs=[0,2]", "trainer.max_epochs=3")


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    return run(folder, *WATCH), folder


def test_the_chosen_epochs_are_in_the_record(watched):
    record, folder = watched
    assert [entry["epoch"] for entry in record.sphere] == [0, 2]
    for entry in record.sphere:
        assert entry["dim"] == 16
        assert entry["histories"]["vectors"] == 120
        assert sum(entry["items"]["cosine"]["histogram"]["counts"]) == 60 * 59 / 2
    assert record.sphere[0] != record.sphere[1] | {"epoch": 0}
    assert read_record(folder / "record.json") == record


def test_watching_changes_nothing_else(watched, tmp_path):
    record, _ = watched
    plain = run(tmp_path, "trainer.max_epochs=3")
    assert plain.sphere == []
    assert record.config_hash == plain.config_hash
    assert record.epochs == plain.epochs
    assert record.test == plain.test


def test_what_is_measured_is_what_was_ranked_and_no_random_number_is_drawn(monkeypatch, tmp_path):
    given, drawn = [], []
    observe = SphereWatch.on_validation_epoch_end

    def observed(self, *arguments):
        before = torch.get_rng_state()
        observe(self, *arguments)
        drawn.append(not torch.equal(before, torch.get_rng_state()))

    def measure(*vectors_and_ids):
        given.append(copy.deepcopy(vectors_and_ids))  # training goes on with the parameters
        return {}

    monkeypatch.setattr(SphereWatch, "on_validation_epoch_end", observed)
    monkeypatch.setattr(uniseq.training.callbacks.sphere_watch, "measure", measure)
    # Two of four batches of users, whose rows must become those of one; raw vectors.
    limits = ("dataset.eval_batch_size=32", "+trainer.limit_val_batches=2", "similarity=dot")
    record = run(tmp_path, *WATCH, *limits)
    for (histories, items, raw, targets, rows, seen, k), epoch in zip(given, (0, 2), strict=True):
        lists = top_items(histories, items, k, rows, seen)
        hits = (lists == targets[:, None]).any(1).double().mean()
        assert float(hits) == pytest.approx(record.epochs[epoch]["val/masked/HR@10"])
        assert len(histories) == 64
        assert torch.equal(items, raw)
    assert record.sphere == [{"epoch": 0}, {"epoch": 2}]
    assert drawn == [False] * 3


def test_items_are_those_of_the_epoch_s_checkpoint(watched):
    record, folder = watched
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    raw, entry = state["items.weight"], record.sphere[-1]
    assert entry["items"]["cosine"]["mean"] == pytest.approx(pair_statistics(raw).mean)
    assert entry["items"]["uniformity"] == pytest.approx(pair_statistics(raw).uniformity)
    assert entry["norms"]["mean"] == pytest.approx(float(raw.norm(dim=-1).mean()))


def test_a_resumed_run_has_all_measurements_also_when_others_are_asked_for(watched, tmp_path):
    record, _ = watched
    run(tmp_path / "a", *WATCH, "trainer.max_epochs=2")
    last = f"ckpt_path={tmp_path / 'a' / 'checkpoints' / 'last.ckpt'}"
    resumed = run(tmp_path / "b", *WATCH, "sphere.epochs=[2]", last)
    assert resumed.sphere == record.sphere
    assert resumed.epochs == record.epochs
    assert resumed.config_hash == record.config_hash


def test_the_single_numbers_are_logged(watched):
    record, folder = watched
    with (folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("sphere/alignment")]
    assert [int(row["epoch"]) for row in rows] == [0, 2]
    for row, entry in zip(rows, record.sphere, strict=True):
        logged = {
            "sphere/alignment": entry["alignment"],
            "sphere/histories/cosine/mean": entry["histories"]["cosine"]["mean"],
            "sphere/items/uniformity": entry["items"]["uniformity"],
            "sphere/items/effective_rank": entry["items"]["effective_rank"],
            "sphere/norms/spearman": entry["norms"]["spearman"],
            "sphere/lists/lift": entry["lists"]["lift"],
        }
        assert {name: float(row[name]) for name in logged} == pytest.approx(logged, rel=1e-5)
    assert not [name for name in rows[0] if "histogram" in name or "deciles" in name]


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("sphere.epochs=[]", r"^sphere\.epochs: is empty; .* sphere=none$"),
        ("sphere.epochs=[3,-1]", r"^sphere\.epochs: are counted from 0: -1 is none$"),
        ("+sphere.k=0", r"^sphere\.k: must be at least 1, not 0$"),
        ("sphere.epochs=[last]", r"^sphere\.epochs: "),
        ("+sphere.epoch=1", r"^sphere\.epoch: there is no such key; did you mean epochs\?$"),
    ],
)
def test_a_faulty_setting_is_named_from_the_root(tmp_path, override, fault):
    with pytest.raises(UniseqError, match=fault):
        run(tmp_path, "sphere=watch", override)


def test_none_is_the_default():
    assert check_config(composed())["sphere"] is None
    assert check_config(composed(["sphere=none"]))["sphere"] is None


def test_diverged_vectors_are_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    whole = uniseq.training.callbacks.sphere_watch._encode

    def broken(*arguments):
        histories, *others = whole(*arguments)
        return histories.fill_(float("nan")), *others

    monkeypatch.setattr(uniseq.training.callbacks.sphere_watch, "_encode", broken)
    with pytest.raises(UniseqError, match=r"history vectors .* epoch 0: .*lower optimizer\.lr"):
        run(tmp_path, *WATCH)
