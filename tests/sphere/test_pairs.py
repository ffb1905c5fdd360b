import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uniseq.sphere import alignment, directions, pair_statistics


def normal(n, d, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def cosine(x, y):
    product = math.fsum(a * b for a, b in zip(x, y, strict=True))
    return product / math.sqrt(math.fsum(a * a for a in x) * math.fsum(b * b for b in y))


def slow_cosines(vectors):
    return [cosine(x, y) for x, y in combinations(vectors.tolist(), 2)]


@pytest.mark.parametrize(
    ("dtype", "exact", "binned"), [(torch.float64, 1e-12, 1e-12), (torch.float32, 1e-6, 1e-4)]
)
@pytest.mark.parametrize("chunk", [7, 512])
def test_statistics_are_those_of_the_slow_twin(dtype, exact, binned, chunk):
    vectors = normal(60, 5, dtype=dtype) + 0.3
    found = pair_statistics(vectors, t=2.0, chunk=chunk)
    cosines = slow_cosines(vectors.double())
    assert found.mean == pytest.approx(np.mean(cosines), abs=exact)
    assert found.std == pytest.approx(np.std(cosines), abs=exact)
    potentials = [math.exp(-2.0 * (2 - 2 * c)) for c in cosines]
    assert found.uniformity == pytest.approx(math.log(np.mean(potentials)), abs=exact)
    # Between the order statistics around the wanted share, to within a fine bin.
    ordered, width = np.sort(cosines), 2 / (201 * 99)
    for tenth, decile in enumerate(found.deciles, start=1):
        at = tenth / 10 * len(ordered)
        low, high = ordered[math.ceil(at) - 1], ordered[min(math.floor(at), len(ordered) - 1)]
        assert low - width - binned <= decile <= high + width + binned
    counts, _ = np.histogram(cosines, bins=201, range=(-1, 1))
    moved = np.abs(counts - np.array(found.histogram.counts)).sum()
    assert moved <= (0 if dtype == torch.float64 else 2)
    assert (found.histogram.low, found.histogram.high) == (-1, 1)
    assert sum(found.histogram.counts) == 60 * 59 / 2


def test_three_axes_by_hand():
    # Cosines 0, 0 and -1: x, y and -x of any length.
    found = pair_statistics(torch.tensor([[3.0, 0.0], [0.0, 0.5], [-1.0, 0.0]]))
    assert found.mean == pytest.approx(-1 / 3, abs=1e-7)
    assert found.std == pytest.approx(math.sqrt(2) / 3, abs=1e-7)
    assert found.uniformity == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))
    counts = found.histogram.counts
    assert (counts[0], counts[100], sum(counts)) == (1, 2, 3)
    assert found.deciles[0] == pytest.approx(-1, abs=1e-4)
    assert found.deciles[4:] == pytest.approx([0] * 5, abs=1e-4)


def test_equal_vectors_have_uniformity_log_1():
    found = pair_statistics(torch.tensor([0.2, -0.7, 0.4]).expand(40, 3), chunk=16)
    assert found.uniformity == pytest.approx(0, abs=1e-6)
    assert found.mean == pytest.approx(1)
    assert found.std == pytest.approx(0, abs=1e-3)
    assert found.histogram.counts == [0] * 200 + [780]


def test_vectors_that_are_uniform_on_the_sphere_have_the_known_moments():
    found = pair_statistics(normal(1500, 16, dtype=torch.float32))
    assert found.mean == pytest.approx(0, abs=1e-3)
    assert found.std == pytest.approx(1 / math.sqrt(16), rel=1e-2)  # E cos² = 1/d


@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10_000), st.integers(1, 50))
def test_rotation_and_length_and_chunks_change_nothing(n, d, seed, chunk):
    vectors = normal(n, d, seed)
    rotation, _ = torch.linalg.qr(normal(d, d, seed + 1))
    lengths = normal(n, 1, seed + 2).abs() + 0.1
    found = pair_statistics(vectors)
    turned = pair_statistics(lengths * vectors @ rotation, chunk=chunk)
    for name in ("mean", "std", "uniformity"):
        # A standard deviation near 0 is the root of a difference.
        assert getattr(turned, name) == pytest.approx(getattr(found, name), abs=1e-7), name
    assert turned.histogram.counts == found.histogram.counts
    assert turned.deciles == pytest.approx(found.deciles, abs=1e-9)


def test_what_has_no_direction_is_left_out_and_without_a_pair_there_is_nothing():
    vectors = normal(5, 3)
    with_zeros = torch.cat([vectors[:2], torch.zeros(2, 3, dtype=vectors.dtype), vectors[2:]])
    assert pair_statistics(with_zeros) == pair_statistics(vectors)
    assert pair_statistics(vectors).vectors == 5
    assert pair_statistics(vectors[:1]) is None
    assert pair_statistics(torch.zeros(4, 3)) is None
    assert pair_statistics(torch.empty(0, 3)) is None


def test_vectors_far_from_unit_length_keep_their_direction():
    assert directions(torch.tensor([[3e25, 4e25]])).tolist() == [pytest.approx([0.6, 0.8])]
    assert directions(torch.tensor([[3e-10, 4e-10]])).tolist() == [pytest.approx([0.6, 0.8])]
    assert len(directions(torch.tensor([[3e-14, 4e-14]]))) == 0
    assert directions(torch.ones(1, 4, dtype=torch.bfloat16)).dtype == torch.float32


def test_alignment_by_hand_and_of_the_slow_twin():
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0, 3.0], [0.0, 5.0], [1.0, 0.0], [0.0, 0.0]])
    # ‖x - y‖² is 2 and 0; the other two pairs have a vector without a direction.
    assert alignment(x, y) == pytest.approx(1.0)
    assert alignment(x, y, alpha=1.0) == pytest.approx(math.sqrt(2) / 2)
    assert alignment(x, -x) == pytest.approx(4.0)
    assert alignment(x[2:3], y[2:3]) is None
    x, y = normal(30, 4), normal(30, 4, seed=1)
    slow = [2 - 2 * cosine(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert alignment(x, y) == pytest.approx(np.mean(slow))
