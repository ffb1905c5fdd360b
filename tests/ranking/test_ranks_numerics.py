import pytest
import torch

from uniseq.ranking.ranks import rank_scores, rank_targets

NOTHING = torch.empty(0, dtype=torch.long)
NAN = float("nan")


def test_scores_that_are_no_numbers_are_never_a_hit():
    target = torch.tensor([2])
    by_vectors = rank_targets(torch.full((1, 4), NAN), torch.ones(50, 4), target, NOTHING, NOTHING)
    by_scores = rank_scores(torch.full((1, 50), NAN), target, NOTHING, NOTHING)
    for ranks in (by_vectors, by_scores):
        assert ranks.unmasked.tolist() == [50]
        assert ranks.masked.tolist() == [50]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_counts_every_item(dtype):
    items = torch.ones(3001, 4, dtype=dtype)
    found = rank_targets(torch.ones(1, 4, dtype=dtype), items, torch.tensor([2]), NOTHING, NOTHING)
    assert found.unmasked.tolist() == [3001]


def test_mixed_precision_ranks_as_full_precision():
    generator = torch.Generator().manual_seed(0)
    histories = torch.randn(20, 16, generator=generator)
    items = torch.randn(2000, 16, generator=generator)
    targets = torch.randint(2000, (20,), generator=generator)
    full = rank_targets(histories, items, targets, NOTHING, NOTHING)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = rank_targets(histories, items, targets, NOTHING, NOTHING)
    assert mixed.unmasked.tolist() == full.unmasked.tolist()
