import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.sphere.test_pairs import normal
from uniseq.sphere import effective_rank


def slow_effective_rank(vectors):
    singular = torch.linalg.svdvals(vectors / vectors.norm(dim=-1, keepdim=True)).tolist()
    shares = [value / math.fsum(singular) for value in singular]
    return math.exp(-math.fsum(p * math.log(p) for p in shares if p > 0))


@pytest.mark.parametrize(("n", "d"), [(50, 6), (4, 9), (7, 1)])
def test_it_is_that_of_the_singular_values(n, d):
    vectors = normal(n, d) + 0.5
    assert effective_rank(vectors, chunk=16) == pytest.approx(slow_effective_rank(vectors), 1e-5)
    assert effective_rank(vectors.float()) == pytest.approx(slow_effective_rank(vectors), 1e-4)


def test_an_orthonormal_set_has_its_size_and_one_line_has_1():
    rotation, _ = torch.linalg.qr(normal(8, 8))
    assert effective_rank(rotation) == pytest.approx(8)
    assert effective_rank(rotation[:3]) == pytest.approx(3, abs=1e-4)
    assert effective_rank(torch.tensor([[1.0, 2.0, 3.0], [-2.0, -4.0, -6.0]])) == pytest.approx(
        1, abs=1e-4
    )


def test_unequal_axes_by_hand():
    # Four vectors on one axis and one on another: singular values 2 and 1.
    vectors = torch.eye(2)[[0, 0, 0, 0, 1]]
    by_hand = math.exp(2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(3))
    assert effective_rank(vectors) == pytest.approx(by_hand)


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 10_000), st.integers(1, 40))
def test_rotation_and_chunks_change_nothing(n, d, seed, chunk):
    vectors = normal(n, d, seed)
    rotation, _ = torch.linalg.qr(normal(d, d, seed + 1))
    found = effective_rank(vectors)
    assert 1 - 1e-9 <= found <= min(n, d) + 1e-4
    assert effective_rank(vectors @ rotation, chunk=chunk) == pytest.approx(found, abs=1e-4)


def test_without_a_direction_there_is_none():
    assert effective_rank(torch.zeros(3, 2)) is None
    assert effective_rank(torch.empty(0, 2)) is None
    vectors = normal(4, 3)
    assert effective_rank(torch.cat([vectors, torch.zeros(5, 3)])) == effective_rank(vectors)
