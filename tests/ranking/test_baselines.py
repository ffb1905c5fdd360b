import math

import numpy as np
import pytest

from tests.data.cases import ListSource, make_sequences, tiny_synthetic
from uniseq.data.batches import RankingBatches
from uniseq.data.datamodule import SequenceDataModule
from uniseq.ranking.baselines import popularity, rank_by_popularity
from uniseq.yardsticks import yardsticks

# Training parts 0 1 · 0 2 · 1 0: item 0 three times, 1 twice, 2 once, 3 and 4 never.
HISTORIES = [[0, 1, 2, 3], [0, 2, 1, 4], [1, 0, 3, 2]]
COUNTS = [3, 2, 1, 0, 0]


def test_popularity_counts_each_item():
    assert popularity(np.array([0, 1, 0, 2, 1, 0]), 5).tolist() == COUNTS
    assert popularity(np.array([], dtype=np.int64), 2).tolist() == [0, 0]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_ranks_by_popularity_by_hand(batch_size):
    batches = RankingBatches(make_sequences(HISTORIES, num_items=5), held_out=1, max_length=50)
    users = [range(start, min(start + batch_size, 3)) for start in range(0, 3, batch_size)]
    counts = popularity(np.array([0, 1, 0, 2, 1, 0]), 5)
    ranks = rank_by_popularity([batches[part] for part in users], counts)
    # Users 0 and 1: the target ties with the other item nobody had, below all others.
    assert ranks.unmasked.tolist() == [5, 5, 3]
    assert ranks.masked.tolist() == [2, 2, 1]


def test_yardsticks_of_a_data_set_without_a_known_truth():
    data = SequenceDataModule(ListSource(HISTORIES, num_items=5), eval_batch_size=2)
    found = yardsticks(data, ks=(2, 5))
    assert set(found) == {"popularity"}
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
    assert all(type(figure) is float for figure in found["popularity"].values())


def test_popularity_does_not_count_held_out_items():
    # Item 8 is everybody's test item and item 7 everybody's validation item.
    data = SequenceDataModule(ListSource([[0, 1, 7, 8], [1, 2, 7, 8], [2, 3, 7, 8]]))
    assert yardsticks(data, ks=(3,))["popularity"]["masked/HR@3"] == 0.0


def test_a_history_with_repeats_is_masked_once():
    # Two of the seven items were seen, one of them three times; the target scores as all others.
    data = SequenceDataModule(ListSource([[1, 1, 1, 2, 3]] * 2, num_items=7), eval_batch_size=1)
    # Training counts: item 1 three times. Masked, five items tie at 0: rank 5. Not masked: 7.
    found = yardsticks(data, ks=(4, 5, 6, 7))["popularity"]
    assert (found["masked/HR@4"], found["masked/HR@5"]) == (0.0, 1.0)
    assert (found["unmasked/HR@6"], found["unmasked/HR@7"]) == (0.0, 1.0)


def test_the_optimum_is_above_popularity_and_hits_as_often_as_expected():
    source = tiny_synthetic(num_users=400)
    data = SequenceDataModule(source, eval_batch_size=128)
    found = yardsticks(data, ks=(1, 10))
    assert set(found) == {"popularity", "optimum"}
    for name in ("HR@10", "NDCG@10", "MRR@10", "HR@1"):
        assert found["optimum"][f"masked/{name}"] > found["popularity"][f"masked/{name}"]
    # The truth gives 0 to what a user has had: masking changes nothing.
    for name in ("HR@10", "NDCG@10", "MRR@10"):
        assert found["optimum"][f"masked/{name}"] == found["optimum"][f"unmasked/{name}"]
    histories = [data.sequences.history(user)[:-1] for user in range(400)]
    hits = np.sort(source.probabilities(histories), axis=1)[:, -10:].sum(1)
    deviation = math.sqrt((hits * (1 - hits)).sum()) / 400
    assert abs(found["optimum"]["masked/HR@10"] - hits.mean()) < 3 * deviation
