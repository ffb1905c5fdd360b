import math

import ir_measures
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, Qrel, ScoredDoc, Success, nDCG

from tests.references import metric_values
from uniseq.errors import ConfigError
from uniseq.ranking.gains import METRICS
from uniseq.ranking.metrics import MRR, NDCG, HitRate, MeanGain, ranking_metrics
from uniseq.ranking.ranks import rank_scores

NOTHING = torch.empty(0, dtype=torch.long)


def value(metric, *batches):
    for ranks in batches:
        metric.update(torch.tensor(ranks, dtype=torch.long))
    return metric.compute().item()


def test_values_by_hand():
    ranks = [1, 2, 3, 10, 11]
    assert value(HitRate(10), ranks) == pytest.approx(4 / 5)
    assert value(HitRate(1), ranks) == pytest.approx(1 / 5)
    # 1, 1 / log2(3), 1 / log2(4) = 1/2, 1 / log2(11)
    expected = (1 + 0.6309297535714575 + 0.5 + 0.2890648263178879) / 5
    assert value(NDCG(10), ranks) == pytest.approx(expected, rel=1e-12)
    assert value(MRR(10), ranks) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 10) / 5, rel=1e-12)
    assert value(MRR(2), ranks) == pytest.approx((1 + 1 / 2) / 5, rel=1e-12)


def test_all_first_is_one_and_none_in_the_list_is_zero():
    for metric in (HitRate, NDCG, MRR):
        assert value(metric(5), [1, 1, 1]) == 1.0
        assert value(metric(5), [6, 7, 1000]) == 0.0


rank_lists = st.lists(st.integers(1, 40), min_size=1, max_size=30)


@given(rank_lists, st.integers(1, 20))
def test_the_collection_agrees_with_a_slow_loop(ranks, k):
    metrics = ranking_metrics([k], metrics=list(METRICS))
    metrics.update(torch.tensor(ranks))
    found = {name: result.item() for name, result in metrics.compute().items()}
    assert found == pytest.approx(metric_values(ranks, k), rel=1e-12)


@given(st.lists(rank_lists, min_size=1, max_size=4))
def test_batches_of_any_size_add_up_to_all_users_at_once(parts):
    for metric in (HitRate, NDCG, MRR):
        whole = value(metric(10), [rank for part in parts for rank in part])
        assert value(metric(10), *parts) == pytest.approx(whole, rel=1e-12)


@given(rank_lists, st.integers(1, 20))
def test_values_lie_in_order_and_grow_with_k(ranks, k):
    hit, ndcg, mrr = (value(metric(k), ranks) for metric in (HitRate, NDCG, MRR))
    assert 0 <= mrr <= ndcg + 1e-12
    assert ndcg <= hit + 1e-12 <= 1 + 2e-12
    for metric, result in ((HitRate, hit), (NDCG, ndcg), (MRR, mrr)):
        assert value(metric(k + 1), ranks) >= result - 1e-12


def test_a_million_equal_gains_have_no_rounding_error_to_speak_of():
    metric = NDCG(10)
    for _ in range(100):
        metric.update(torch.full((10_000,), 2))
    assert metric.compute().item() == pytest.approx(1 / math.log2(3), rel=1e-9)


def test_a_reset_metric_starts_again():
    metric = HitRate(3)
    assert value(metric, [1, 9]) == 0.5
    metric.reset()
    assert value(metric, [9]) == 0.0


def test_no_users_have_no_mean():
    metric = HitRate(3)
    metric.update(NOTHING)
    assert math.isnan(metric.compute())


def test_a_gain_of_ones_own():
    metric = MeanGain(3, lambda ranks, k: k + 1.0 - ranks)
    assert value(metric, [1, 3, 4]) == pytest.approx((3 + 1 + 0) / 3)


def test_names_and_prefix():
    metrics = ranking_metrics([5, 10], prefix="test/masked/")
    metrics.update(torch.tensor([1]))
    expected = {"HR@5", "HR@10", "NDCG@5", "NDCG@10", "MRR@5", "MRR@10"}
    assert set(metrics.compute()) == {f"test/masked/{name}" for name in expected}


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_without_places_is_a_config_error(k):
    for build in (HitRate, NDCG, MRR, lambda k: ranking_metrics([10, k])):
        with pytest.raises(ConfigError, match=f"k: must be at least 1, not {k}"):
            build(k)


def by_ir_measures(run, targets):
    """HR@10, NDCG@10 and MRR@10 by trec_eval's and MS MARCO's programs."""
    documents = [
        ScoredDoc(str(user), str(item), score)
        for user, scores in enumerate(run)
        for item, score in enumerate(scores)
    ]
    relevant = [Qrel(str(user), str(target), 1) for user, target in enumerate(targets)]
    measures = {"HR@10": Success @ 10, "NDCG@10": nDCG @ 10, "MRR@10": RR @ 10}
    found = ir_measures.calc_aggregate(measures.values(), relevant, documents)
    return {name: found[measure] for name, measure in measures.items()}


def by_us(scores, targets):
    metrics = ranking_metrics([10])
    metrics.update(rank_scores(scores, targets, NOTHING, NOTHING).unmasked)
    return {name: result.item() for name, result in metrics.compute().items()}


def test_agrees_with_ir_measures_without_ties():
    generator = torch.Generator().manual_seed(0)
    scores = torch.stack([torch.randperm(40, generator=generator).double() for _ in range(60)])
    targets = torch.randint(40, (60,), generator=generator)
    found = by_us(scores, targets)
    assert found == pytest.approx(by_ir_measures(scores.tolist(), targets.tolist()), rel=1e-9)
    assert 0.1 < found["HR@10"] < 0.5


def test_agrees_with_ir_measures_given_the_pessimistic_order_of_ties():
    generator = torch.Generator().manual_seed(1)
    scores = torch.randint(8, (60, 40), generator=generator).double()
    targets = torch.randint(40, (60,), generator=generator)
    run = []
    for row, target in zip(scores.tolist(), targets.tolist(), strict=True):
        # Best first; among equals the target comes last.
        order = sorted(range(40), key=lambda item, row=row, t=target: (-row[item], item == t))
        run.append([float(-order.index(item)) for item in range(40)])
    found = by_us(scores, targets)
    assert found == pytest.approx(by_ir_measures(run, targets.tolist()), rel=1e-9)
    assert found["HR@10"] > 0.05


@pytest.mark.parametrize("metric", [HitRate, NDCG, MRR])
def test_a_target_below_every_item_is_a_miss_at_a_k_above_the_catalogue(metric):
    measured = metric(10, num_items=8)
    measured.update(torch.tensor([9, 9]))
    assert measured.compute() == 0
