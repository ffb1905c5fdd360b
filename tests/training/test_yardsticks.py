import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.data.cases import ITEMS, ListSource, make_sequences, tiny_synthetic
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sequences import Sequences
from uniseq.training import yardsticks as implementation
from uniseq.training.yardsticks import yardsticks

UNTRAINED = ["popularity", "own_history", "markov", "item_knn"]


def test_figures_of_a_data_set_without_a_known_truth():
    # Training parts 0 1 · 0 2 · 1 0; the target of user 2 is new to them, the others to all.
    histories = [[0, 1, 2, 3], [0, 2, 1, 4], [1, 0, 3, 2]]
    data = SequenceDataModule(ListSource(histories, num_items=5), eval_batch_size=2)
    found = yardsticks(data, ks=(2, 5))
    assert list(found) == UNTRAINED
    expected = {
        "masked/HR@2": 1.0,
        "masked/NDCG@2": (1 + 2 / math.log2(3)) / 3,
        "masked/MRR@2": (1 + 2 / 2) / 3,
        "unmasked/HR@2": 0.0,
        "unmasked/MRR@2": 0.0,
        "unmasked/HR@5": 1.0,
        "unmasked/NDCG@5": (1 / 2 + 2 / math.log2(6)) / 3,
        "unmasked/MRR@5": (1 / 3 + 2 / 5) / 3,
    }
    assert {name: found["popularity"][name] for name in expected} == pytest.approx(expected)
    for figures in found.values():
        assert set(figures) == set(found["popularity"])
        assert all(type(figure) is float for figure in figures.values())


@pytest.mark.parametrize("name", UNTRAINED)
def test_held_out_items_are_not_counted(name):
    # Item 7 is everybody's validation item and item 8, always after it, everybody's test item.
    data = SequenceDataModule(ListSource([[0, 1, 7, 8], [1, 2, 7, 8], [2, 3, 7, 8]]))
    assert yardsticks(data, ks=(3,))[name]["masked/HR@3"] == 0.0


def test_the_validation_item_is_part_of_the_history():
    # Markov goes by it, item-kNN counts its votes, and it is one's most recent item.
    follows = [[5, 6, 0, 0]] * 3
    found = yardsticks(SequenceDataModule(ListSource([*follows, [1, 2, 5, 6]])), ks=(1,))
    assert found["markov"]["masked/HR@1"] == found["item_knn"]["masked/HR@1"] == 0.25
    assert found["own_history"]["unmasked/HR@1"] == 0.75


class Clock:
    """Users 0 and 1 have their test item at time 8; the truth is that item n follows n others."""

    def load(self) -> Sequences:
        histories = [[0, 4, 5, 3, 1], [0, 1, 0], [0, 1, 2, 3, 4]]
        times = [1, 2, 3, 8, 9, 2, 3, 8, 1, 2, 3, 4, 5]
        return replace(make_sequences(histories), times=np.array(times))

    def probabilities(self, histories):
        return np.eye(ITEMS)[[len(history) for history in histories]]


def test_a_split_by_time_ranks_by_what_lies_before_the_test_item_alone():
    data = SequenceDataModule(Clock(), split="time", held_out_share=0.2)
    assert data.sequences.items[data.split.test.places].tolist() == [3, 0]
    found = yardsticks(data, ks=(1, 2))
    assert found["optimum"]["unmasked/HR@1"] == 0.5  # 3 follows three items; 0 does not follow two
    assert found["own_history"]["unmasked/HR@1"] == 0.0
    assert found["own_history"]["unmasked/HR@2"] == 0.5  # 0 1 → 0


def test_whoever_repeats_is_copied_only_where_the_history_is_not_masked():
    data = SequenceDataModule(ListSource([[0, 1, 2, 2], [3, 4, 5, 5], [6, 7, 8, 0]]))
    found = yardsticks(data, ks=(1,))["own_history"]
    assert found["unmasked/HR@1"] == pytest.approx(2 / 3)
    assert found["masked/HR@1"] == 0.0


def test_a_history_with_repeats_is_masked_once():
    # Two of the seven items were seen, one of them three times; the target scores as all others.
    data = SequenceDataModule(ListSource([[1, 1, 1, 2, 3]] * 2, num_items=7), eval_batch_size=1)
    # Training counts: item 1 three times. Masked, five items tie at 0: rank 5. Not masked: 7.
    found = yardsticks(data, ks=(4, 5, 6, 7))["popularity"]
    assert (found["masked/HR@4"], found["masked/HR@5"]) == (0.0, 1.0)
    assert (found["unmasked/HR@6"], found["unmasked/HR@7"]) == (0.0, 1.0)


@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_the_size_of_the_batches_does_not_matter(batch_size):
    source = tiny_synthetic()
    whole = yardsticks(SequenceDataModule(source), ks=(5,))
    assert yardsticks(SequenceDataModule(source, eval_batch_size=batch_size), ks=(5,)) == whole


def test_the_optimum_is_above_all_others_and_hits_as_often_as_expected():
    source = tiny_synthetic(num_users=400)
    data = SequenceDataModule(source, eval_batch_size=128)
    found = yardsticks(data, ks=(1, 10))
    assert list(found) == [*UNTRAINED, "optimum"]
    for name in ("HR@10", "NDCG@10", "MRR@10", "HR@1"):
        for other in UNTRAINED:
            assert found["optimum"][f"masked/{name}"] > found[other][f"masked/{name}"]
    # The truth gives 0 to what a user has had: masking changes nothing.
    for name in ("HR@10", "NDCG@10", "MRR@10"):
        assert found["optimum"][f"masked/{name}"] == found["optimum"][f"unmasked/{name}"]
    histories = [data.sequences.history(user)[:-1] for user in range(400)]
    hits = np.sort(source.probabilities(histories), axis=1)[:, -10:].sum(1)
    deviation = math.sqrt((hits * (1 - hits)).sum()) / 400
    assert abs(found["optimum"]["masked/HR@10"] - hits.mean()) < 3 * deviation


def test_a_sample_of_users_has_the_figures_of_its_users():
    source = tiny_synthetic(num_users=80)
    data = SequenceDataModule(source, eval_users=10)
    found = yardsticks(data, ks=(10,))
    alone = SequenceDataModule(source, eval_batch_size=1)
    rows = [int(np.searchsorted(data.split.test.users, user)) for user in data.split.test.users]
    assert rows == list(range(10))
    # Only the split differs: what is counted is everybody's.
    alone.split = replace(alone.split, test=data.split.test)
    assert yardsticks(alone, ks=(10,)) == found
    assert yardsticks(SequenceDataModule(source), ks=(10,)) != found
    hits = found["optimum"]["masked/HR@10"] * 10
    assert hits == pytest.approx(round(hits), abs=1e-5)


@pytest.mark.parametrize("cells", [1, 100, 10**6])
def test_how_many_probabilities_are_held_does_not_matter(monkeypatch, cells):
    data = SequenceDataModule(tiny_synthetic(), eval_batch_size=20)
    whole = yardsticks(data, ks=(5,))
    monkeypatch.setattr(implementation, "CELLS", cells)
    assert yardsticks(data, ks=(5,)) == whole


def test_memory_does_not_grow_with_users_times_items():
    users, items = 400, 10**6
    rng = np.random.default_rng(0)
    histories = rng.integers(items, size=(users, 8)).tolist()
    data = SequenceDataModule(ListSource(histories, num_items=items))
    data.sequences  # noqa: B018
    tracemalloc.start()
    found = yardsticks(data, ks=(10,))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(found) == UNTRAINED
    assert peak < 120e6  # a dozen arrays of the catalogue; users × items at 8 bytes are 3.2 GB


def test_true_probabilities_of_a_large_catalogue_are_held_a_few_at_a_time():
    data = SequenceDataModule(tiny_synthetic(num_items=200_000, num_clusters=200), eval_users=40)
    data.source.chain, data.split  # noqa: B018
    (batch,) = data.test_dataloader()
    tracemalloc.start()
    ranks = implementation._by_truth(data, data.source, batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ranks.masked.shape == (40,)
    assert ranks.masked.tolist() == ranks.unmasked.tolist()
    assert peak < 40e6  # all at once are 64 MB and as much again to compare
