from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.cases import tiny_synthetic
from tests.references import next_item_probabilities
from uniseq.data.sources.base import KnownTruth
from uniseq.data.sources.chain import Chain
from uniseq.data.sources.synthetic import Synthetic
from uniseq.errors import ConfigError


@pytest.fixture(scope="module")
def source():
    return Synthetic(num_users=3000, num_items=200, num_clusters=10, max_length=40, seed=5)


@pytest.fixture(scope="module")
def sequences(source):
    return source.load()


@pytest.fixture(scope="module")
def histories(sequences):
    return [sequences.history(user) for user in range(sequences.num_users)]


@pytest.fixture(scope="module")
def truth(source, histories):
    """True probabilities of each user's last item."""
    return source.probabilities([history[:-1] for history in histories])


def test_the_same_arguments_give_the_same_data():
    first, same, other = (tiny_synthetic(seed=seed).load() for seed in (1, 1, 2))
    assert first.items.tolist() == same.items.tolist()
    assert first.offsets.tolist() == same.offsets.tolist()
    assert first.fingerprint == same.fingerprint
    assert first.items.tolist() != other.items.tolist()
    assert first.fingerprint != other.fingerprint


def test_loading_twice_gives_the_same_data():
    source = tiny_synthetic()
    assert source.load().items.tolist() == source.load().items.tolist()


def test_a_whole_number_is_the_same_data_however_it_is_written():
    one = tiny_synthetic(mean_length=5, zipf=1).load().fingerprint
    assert one == tiny_synthetic(mean_length=5.0, zipf=1.0).load().fingerprint


@pytest.mark.parametrize(
    "changed",
    [{"num_users": 51}, {"successors": 4}, {"zipf": 0.9}, {"mean_length": 8.5}, {"max_length": 19}],
)
def test_another_argument_gives_another_fingerprint(changed):
    assert tiny_synthetic(**changed).load().fingerprint != tiny_synthetic().load().fingerprint


def test_the_sizes_are_those_asked_for(sequences):
    assert sequences.num_users == 3000
    assert sequences.num_items == 200
    assert sequences.items.min() >= 0
    assert sequences.items.max() < 200


def test_nobody_has_an_item_twice(histories):
    assert all(len(set(history.tolist())) == len(history) for history in histories)


def test_lengths_are_five_and_a_geometric_number(sequences):
    extra = sequences.lengths - 5
    assert extra.min() == 0
    assert sequences.lengths.max() <= 40
    # Mean 9: a geometric number from 0 with success probability 1/5, variance 20.
    assert abs(sequences.lengths.mean() - 9) < 4 * np.sqrt(20 / 3000)
    assert abs((extra == 0).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 3000)
    assert abs((extra == 1).mean() - 0.16) < 4 * np.sqrt(0.16 * 0.84 / 3000)


def test_mean_length_five_and_a_cap_are_kept():
    assert set(tiny_synthetic(mean_length=5).load().lengths.tolist()) == {5}
    capped = tiny_synthetic(num_users=300, mean_length=9, max_length=9).load().lengths
    assert capped.max() == 9
    assert capped.min() == 5


def test_first_items_follow_zipfs_law(histories):
    first = np.bincount([history[0] for history in histories], minlength=200) / len(histories)
    weights = np.arange(1, 201) ** -0.8
    shares = weights / weights.sum()
    # Item 0 is the most popular; compare the heads of 1, 10 and 50 items.
    for head in (1, 10, 50):
        share = shares[:head].sum()
        assert abs(first[:head].sum() - share) < 4 * np.sqrt(share * (1 - share) / len(histories))


def test_popularity_has_a_heavy_head_and_a_long_tail(sequences):
    counts = np.bincount(sequences.items, minlength=200)
    assert counts[:20].mean() > 3 * counts[100:].mean()
    assert (counts > 0).mean() > 0.95


def test_zipf_zero_is_uniform():
    first = [h[0] for h in np.split(*_flat(tiny_synthetic(num_users=3000, zipf=0.0)))]
    counts = np.bincount(first, minlength=60)
    # 98.3 is the chi-square quantile .999 with 59 degrees of freedom.
    assert ((counts - 50) ** 2 / 50).sum() < 98.3


def _flat(source):
    sequences = source.load()
    return sequences.items, sequences.offsets[1:-1]


def test_probabilities_are_a_distribution_over_the_items_not_yet_had(truth, histories):
    assert truth.shape == (3000, 200)
    assert truth.min() >= 0
    assert np.abs(truth.sum(1) - 1).max() < 1e-12
    for row, history in zip(truth, histories, strict=True):
        assert (row[history[:-1]] == 0).all()
        assert (np.delete(row, history[:-1]) > 0).all()


def test_probabilities_are_those_of_the_documented_formula():
    source = tiny_synthetic(num_items=24, num_clusters=3, successors=3, max_length=12)
    popularity = [(rank + 1) ** -0.8 for rank in range(24)]
    popularity = [weight / sum(popularity) for weight in popularity]
    cluster, successors = source.chain.cluster.tolist(), source.chain.successors.tolist()
    histories = [[0], [5], [5, 17], [23, 4, 9, 1], [2, 3, 4, 5, 6, 7, 8, 9, 10]]
    found = source.probabilities([np.array(history) for history in histories])
    for row, history in zip(found, histories, strict=True):
        expected = next_item_probabilities(history, popularity, cluster, successors)
        np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_successors_are_different_items_of_the_same_cluster():
    source = tiny_synthetic()
    cluster = source.chain.cluster
    assert np.bincount(cluster).tolist() == [10] * 6
    for item, successors in enumerate(source.chain.successors.tolist()):
        assert len(set(successors)) == 5
        assert item not in successors
        assert {cluster[successor] for successor in successors} == {cluster[item]}


def test_held_out_items_are_drawn_from_the_probabilities(truth, histories):
    targets = np.array([history[-1] for history in histories])
    # The mean log-likelihood against its expectation, the negative entropy.
    logs = np.log(np.where(truth > 0, truth, 1.0))
    mean = (truth * logs).sum(1)
    variance = (truth * logs**2).sum(1) - mean**2
    found = logs[np.arange(len(targets)), targets]
    assert abs((found - mean).sum()) < 3 * np.sqrt(variance.sum())


@pytest.mark.parametrize("k", [1, 10, 50])
def test_the_best_ranking_hits_as_often_as_the_probabilities_say(truth, histories, k):
    best = np.argsort(-truth, axis=1)[:, :k]
    expected = np.take_along_axis(truth, best, axis=1).sum(1)
    hits = np.array([history[-1] in row for history, row in zip(histories, best, strict=True)])
    assert abs((hits - expected).sum()) < 3 * np.sqrt((expected * (1 - expected)).sum())


@pytest.mark.parametrize("back", [2, 3])
def test_the_last_and_the_last_but_one_item_have_their_weights(source, truth, histories, back):
    likely = source.chain.successors[[history[-back] for history in histories], :2]
    expected = np.take_along_axis(truth, likely, axis=1).sum(1)
    hits = np.array([history[-1] in row for history, row in zip(histories, likely, strict=True)])
    assert abs((hits - expected).sum()) < 3 * np.sqrt((expected * (1 - expected)).sum())


def test_a_second_item_follows_the_first_as_the_probabilities_say():
    # All histories that begin with the most popular item, against its row, by chi-square.
    source = tiny_synthetic(num_users=6000, mean_length=5)
    sequences = source.load()
    starts = sequences.offsets[:-1]
    begins = sequences.items[starts] == 0
    counts = np.bincount(sequences.items[starts + 1][begins], minlength=60)
    [row] = source.probabilities([np.array([0])])
    expected = row[1:] * begins.sum()
    assert counts[0] == 0
    # 97.0 is the chi-square quantile .999 with 58 degrees of freedom.
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 97.0


def test_the_source_knows_its_truth():
    assert isinstance(tiny_synthetic(), KnownTruth)


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("num_users", {"num_users": 0}),
        ("num_clusters", {"num_clusters": 0}),
        ("num_clusters", {"num_clusters": 11}),  # 60 / 11 items cannot hold 1 + 5
        ("num_clusters", {"num_items": 0}),
        ("mean_length", {"mean_length": 4.9}),
        ("max_length", {"max_length": 31}),
        ("max_length", {"max_length": 8}),
        ("successors", {"successors": 0}),
        ("successors", {"successors": -1}),
        ("seed", {"seed": -1}),
        ("num_items", {"num_items": 2**31}),
        ("mean_length", {"mean_length": float("nan")}),
    ],
)
def test_sizes_that_do_not_fit_are_named_by_their_key(key, changed):
    with pytest.raises(ConfigError) as caught:
        tiny_synthetic(**changed)
    assert str(caught.value).startswith(f"{key}: ")
    assert caught.value.key == key


def test_ten_clusters_of_six_items_just_fit():
    assert tiny_synthetic(num_clusters=10).load().num_items == 60


def test_the_order_of_successors_is_random():
    # Clusters of four: an item's successors are the three others, in each order equally often.
    source = tiny_synthetic(num_items=24_000, num_clusters=6000, successors=3)
    orders = dict.fromkeys(permutations(range(3)), 0)
    for item, successors in enumerate(source.chain.successors.tolist()):
        assert item not in successors
        orders[tuple(np.argsort(successors).tolist())] += 1
    # 20.5 is the chi-square quantile .999 with 5 degrees of freedom.
    assert sum((count - 4000) ** 2 / 4000 for count in orders.values()) < 20.5


def test_any_successors_of_the_cluster_are_drawn_equally_often():
    # Clusters of six: 20 ordered pairs of the five others.
    source = tiny_synthetic(num_items=12_000, num_clusters=2000, successors=2)
    counts = {}
    for item, (first, second) in enumerate(source.chain.successors.tolist()):
        members = np.flatnonzero(source.chain.cluster == source.chain.cluster[item]).tolist()
        members = members[members.index(item) :] + members[: members.index(item)]
        pair = members.index(first), members.index(second)
        counts[pair] = counts.get(pair, 0) + 1
    assert len(counts) == 20
    # 43.8 is the chi-square quantile .999 with 19 degrees of freedom.
    assert sum((count - 600) ** 2 / 600 for count in counts.values()) < 43.8


CHAIN = Chain(np.random.default_rng(0), num_items=30, num_clusters=3, successors=4, zipf=1.0)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 15), min_size=1, max_size=12), st.integers(0, 99))
def test_histories_have_their_lengths_and_no_item_twice(lengths, seed):
    items = CHAIN.histories(np.random.default_rng(seed), np.array(lengths))
    assert items.dtype == np.int32
    assert len(items) == sum(lengths)
    for history in np.split(items, np.cumsum(lengths)[:-1]):
        assert len(set(history.tolist())) == len(history)
    assert items.min() >= 0
    assert items.max() < 30
