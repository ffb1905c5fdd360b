import pytest
import torch
from scipy import stats

from tests.sphere.test_pairs import normal
from uniseq.sphere import norm_statistics


def test_groups_by_hand():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 2.0], [6.0, 8.0]])
    found = norm_statistics(vectors, torch.tensor([7, 0, 0, 2]), groups=2)
    assert found.by_popularity == [1.5, 7.5]  # items 1 and 2, then 3 and 0
    assert found.popularity == [0.0, 4.5]
    assert found.mean == 4.5
    assert found.std == pytest.approx(12.25**0.5)  # squares .25, 12.25, 6.25, 30.25
    # Ranks of norms 3 1 2 4, of popularity 4 1.5 1.5 3.
    assert found.spearman == pytest.approx(stats.spearmanr([3, 1, 2, 4], [4, 1.5, 1.5, 3])[0])


def test_the_rank_correlation_is_scipy_s_with_ties_and_that_of_the_logarithm():
    vectors = normal(200, 3)
    popularity = torch.randint(1, 9, (200,), generator=torch.Generator().manual_seed(0))
    found = norm_statistics(vectors, popularity)
    expected = stats.spearmanr(vectors.norm(dim=-1).numpy(), popularity.numpy())[0]
    assert found.spearman == pytest.approx(expected)
    assert norm_statistics(vectors, popularity.log()).spearman == pytest.approx(expected)
    assert len(found.by_popularity) == len(found.popularity) == 10
    assert found.popularity == sorted(found.popularity)


def test_longer_the_more_popular_is_a_correlation_of_1():
    popularity = torch.arange(25)
    vectors = torch.ones(25, 2) * (1 + popularity[:, None]) ** 2
    assert norm_statistics(vectors, popularity).spearman == pytest.approx(1)
    assert norm_statistics(vectors, -popularity).spearman == pytest.approx(-1)


def test_few_items_make_fewer_groups_and_constants_no_correlation():
    found = norm_statistics(torch.eye(3), torch.tensor([1, 2, 3]))
    assert found.by_popularity == [1.0, 1.0, 1.0]
    assert found.spearman is None
    assert norm_statistics(normal(3, 2), torch.zeros(3)).spearman is None
    assert norm_statistics(torch.empty(0, 2), torch.empty(0)) is None
