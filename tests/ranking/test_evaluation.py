"""Evaluation: the metrics of ranks under both conventions."""

import math

import pytest
import torch

from uniseq.ranking.evaluation import evaluate
from uniseq.ranking.gains import METRICS, by_name
from uniseq.ranking.metrics import ranking_metrics
from uniseq.ranking.ranks import Ranks


def test_figures_by_hand():
    ranks = Ranks(masked=torch.tensor([1, 3, 30]), unmasked=torch.tensor([2, 3, 31]))
    found = evaluate(ranks, by_name(["NDCG", "HR"]), [1, 10])
    by_hand = {
        "masked/HR@1": 1 / 3,
        "masked/HR@10": 2 / 3,
        "masked/NDCG@1": 1 / 3,
        "masked/NDCG@10": (1 + 1 / 2) / 3,
        "unmasked/HR@1": 0,
        "unmasked/HR@10": 2 / 3,
        "unmasked/NDCG@1": 0,
        "unmasked/NDCG@10": (1 / math.log2(3) + 1 / 2) / 3,
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(by_hand, rel=1e-7)
    assert list(found) == list(by_hand)  # in this order, whatever that of the metrics
    assert all(value.dtype == torch.float32 for value in found.values())


def test_figures_are_those_of_the_torchmetrics_to_the_last_digit():
    generator = torch.Generator().manual_seed(0)
    ranks = Ranks(*torch.randint(1, 30, (2, 1001), generator=generator))
    found = evaluate(ranks, METRICS, [1, 5, 10])
    for history in ("masked", "unmasked"):
        metrics = ranking_metrics([1, 5, 10], f"{history}/", list(METRICS))
        metrics.update(getattr(ranks, history))
        expected = {name: value.float() for name, value in metrics.compute().items()}
        assert list(expected) == [name for name in found if name.startswith(f"{history}/")]
        for name, value in expected.items():
            assert torch.equal(found[name], value), name


def test_no_users_have_no_figures():
    nobody = torch.empty(0, dtype=torch.long)
    found = evaluate(Ranks(nobody, nobody), METRICS, [10])
    assert all(math.isnan(value) for value in found.values())
