"""Gains of ranks: by hand, against slow twins, for arrays and tensors, and one's own."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.references import metric_values
from uniseq.config.paths import conf_dir
from uniseq.errors import ConfigError
from uniseq.ranking.gains import DEFAULT, METRICS, Gain, by_name, check_monitor, gains_at, name_of
from uniseq.records.identity import AS_BEFORE

RANKS = [1, 2, 3, 10, 11, 12102]
BY_HAND = {
    "HR": [1, 1, 1, 1, 0, 0],
    "NDCG": [1, 0.6309297535714575, 0.5, 0.2890648263178879, 0, 0],
    "MRR": [1, 1 / 2, 1 / 3, 1 / 10, 0, 0],
    "Recall": [1, 1, 1, 1, 0, 0],
    "MAP": [1, 1 / 2, 1 / 3, 1 / 10, 0, 0],
}


class Nameless(Gain):
    def __call__(self, ranks, k):
        return ranks / k


class Named(Nameless):
    name = "share"


def top(ranks, k, places=1):
    return ranks <= places


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("array", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_gains_by_hand(name, array):
    found = gains_at(METRICS[name], array(RANKS), 10)
    assert type(found) is type(array(RANKS))
    assert found.dtype in (np.float64, torch.float64)
    assert found.tolist() == pytest.approx(BY_HAND[name], rel=1e-15)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 20))
def test_their_means_are_what_the_metrics_mean_for_lists(ranks, k):
    found = {f"{m}@{k}": gains_at(gain, np.array(ranks), k).mean() for m, gain in METRICS.items()}
    assert found == pytest.approx(metric_values(ranks, k), rel=1e-12)


@given(st.lists(st.integers(1, 2**31 - 1), max_size=30), st.integers(1, 2**31 - 1))
def test_arrays_and_tensors_gain_the_same(ranks, k):
    for gain in METRICS.values():
        array = gains_at(gain, np.array(ranks, dtype=np.int32), k)
        tensor = gains_at(gain, torch.tensor(ranks, dtype=torch.long), k)
        np.testing.assert_allclose(array, tensor.numpy(), rtol=1e-15)


def test_a_gain_of_ones_own_counts_within_k_and_may_be_a_truth_value():
    ranks = torch.tensor([1, 2, 3, 4])
    assert gains_at(lambda ranks, k: 1 / (k + 1 - ranks), ranks, 3).tolist() == pytest.approx(
        [1 / 3, 1 / 2, 1, 0]  # none, where it divides by zero
    )
    for array in (ranks, ranks.numpy()):
        found = gains_at(partial(top, places=2), array, 10)
        assert (found.tolist(), str(found.dtype)[-7:]) == ([1, 1, 0, 0], "float64")


@pytest.mark.parametrize(
    ("gain", "given"),
    [
        (lambda ranks, k: 1.0, "float"),
        (lambda ranks, k: ranks[:1], r"\(1,\)"),
        (lambda ranks, k: Named(), "Named"),
    ],
)
def test_gains_that_are_not_one_a_rank_are_a_config_error(gain, given):
    with pytest.raises(ConfigError, match=rf"ranking.metrics: .* of shape \(3,\), not {given}$"):
        gains_at(gain, np.array([1, 2, 3]), 10)


def test_names_are_those_of_the_table_of_the_class_or_of_the_function():
    own = [Named(), Nameless(), top, partial(top, places=3)]
    assert [name_of(each) for each in own] == ["share", "Nameless", "top", "top"]
    found = by_name(["MAP", *own[:3]])
    assert list(found) == ["MAP", "share", "Nameless", "top"]
    assert found["MAP"] is METRICS["MRR"]
    assert found["share"] is own[0]


def named(name):
    metric = Nameless()
    metric.name = name
    return metric


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ([], "metrics: is empty; choose from HR, NDCG, MRR, Recall, MAP"),
        (["HR", "MPA"], "metrics[1]: there is no metric 'MPA'; did you mean MAP?"),
        (["HR", "HR"], "metrics[1]: HR is measured twice; take one of them away"),
        ([top, partial(top, places=2)], "metrics[1]: top is measured twice"),
        ([named("MRR")], "metrics[0]: MRR is the name of another metric"),
        ([named("P@5")], "metrics[0]: its name 'P@5' must be of letters, digits, - and _"),
        (["HR", 7], "metrics[1]: int must be a call of ranks and k"),
    ],
)
def test_metrics_that_cannot_be_measured_are_a_config_error(metrics, problem):
    with pytest.raises(ConfigError) as raised:
        by_name(metrics)
    assert str(raised.value).startswith(problem)


def test_what_is_watched_must_be_measured():
    check_monitor("RBP@5", ["HR", "RBP"], [5, 10])
    with pytest.raises(ConfigError, match=r"monitor: 'HR@1' is not measured; did you mean HR@10\?"):
        check_monitor("HR@1", ["HR", "RBP"], [10])


def test_the_default_is_said_alike_by_the_code_the_config_and_the_records_of_before():
    config = OmegaConf.load(conf_dir() / "ranking" / "default.yaml")
    assert list(DEFAULT) == list(config.metrics) == AS_BEFORE["ranking"]["metrics"]


@pytest.mark.parametrize("name", METRICS)
def test_no_list_is_longer_than_the_catalogue(name):
    ranks = np.array([1, 8, 9])  # of eight items: the last is a target that masking hides
    found = gains_at(METRICS[name], ranks, 10, 8)
    assert found[2] == 0 < found[1]
    assert found[:2].tolist() == gains_at(METRICS[name], ranks, 10)[:2].tolist()
