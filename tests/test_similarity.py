"""Dot and cosine."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uniseq.similarity import Cosine, Dot


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_dot_leaves_vectors_as_they_are():
    vectors = normal(3, 2, 4)
    assert torch.equal(Dot()(vectors), vectors)
    assert not Dot.unit


def test_cosine_by_hand():
    vectors = torch.tensor([[3.0, 4.0], [0.0, -2.0]])
    torch.testing.assert_close(Cosine()(vectors), torch.tensor([[0.6, 0.8], [0.0, -1.0]]))
    assert Cosine.unit


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
def test_cosine_gives_unit_norms_in_any_shape(shape):
    unit = Cosine()(normal(*shape))
    assert unit.shape == shape
    norms = unit.norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


@given(st.floats(1e-3, 1e3), st.integers(0, 2**16))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_cosine_does_not_depend_on_the_norm(scale, seed):
    vectors = normal(3, 4, seed=seed)
    torch.testing.assert_close(Cosine()(scale * vectors), Cosine()(vectors))


def test_inner_products_are_cosines():
    x, y = normal(5, 4), normal(6, 4, seed=1)
    scores = Cosine()(x) @ Cosine()(y).T
    expected = torch.cosine_similarity(x[:, None], y[None], dim=-1)
    torch.testing.assert_close(scores, expected)


def test_cosine_pulls_along_the_sphere_alone():
    vectors = normal(5, 4).requires_grad_()
    (Cosine()(vectors) * normal(5, 4, seed=1)).sum().backward()
    radial = (vectors.grad * vectors).sum(-1)
    torch.testing.assert_close(radial, torch.zeros_like(radial))
    assert vectors.grad.norm() > 0.1
    assert torch.autograd.gradcheck(Cosine(), (vectors,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_zero_vector_stays_zero_with_a_finite_gradient(dtype):
    vectors = torch.zeros(2, 3, dtype=dtype)
    vectors[1] = torch.tensor([3.0, 0.0, 4.0])
    vectors.requires_grad_()
    unit = Cosine()(vectors)
    assert unit[0].tolist() == [0, 0, 0]
    assert unit[1].tolist() == pytest.approx([0.6, 0, 0.8])
    unit.sum().backward()
    assert vectors.grad.isfinite().all()
    # The other vector is not disturbed: (1 - u·(u·1)) / 5 with u·1 = 1.4.
    assert vectors.grad[1].tolist() == pytest.approx([0.032, 0.2, -0.024], abs=1e-6)
