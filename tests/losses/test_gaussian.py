"""The Gaussian pair sums: the hand-written gradient, the two readings, invariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.cases import relative_error
from tests.reference_models import reference_pair_sum, reference_unordered_pair_sum
from uniseq.losses import loss_het, loss_hom


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


AXES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)


def test_hom_by_hand():
    # Squared distances of the pairs: 2, 4 and 2.
    pairs = 2 * math.exp(-4) + math.exp(-8)
    assert loss_hom(AXES, 2.0).item() == pytest.approx(pairs, rel=1e-12)
    ordered = loss_hom(AXES, 2.0, unordered=False).item()
    assert ordered == pytest.approx(2 * pairs + 3, rel=1e-12)


def test_het_by_hand():
    # Squared distances of the first axis to the three: 0, 2 and 4.
    expected = 1 + math.exp(-1) + math.exp(-2)
    assert loss_het(AXES[:1], AXES, 0.5).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_one_pair_by_hand():
    x = torch.tensor([[1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[0.0, 2.0]], dtype=torch.float64, requires_grad=True)
    loss_het(x, y, 0.1).backward()
    # d/dx exp(-t·‖x - y‖²) = -2t·(x - y)·exp(-5t)
    expected = -0.2 * math.exp(-0.5) * torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(x.grad, expected)
    torch.testing.assert_close(y.grad, -expected)


@pytest.mark.parametrize("t", [0.3, 2.0])
def test_gradcheck_of_the_pair_sums(t):
    x, y = normal(4, 3).requires_grad_(), normal(5, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: loss_het(x, y, t), (x, y))
    assert torch.autograd.gradcheck(lambda x: loss_het(x, x, t), (x,))
    assert torch.autograd.gradcheck(lambda x: loss_hom(x, t, unordered=False), (x,))
    # The incoming gradient is not 1.
    assert torch.autograd.gradcheck(lambda x: 3 * loss_hom(x, t) ** 2, (x,))


def test_gradcheck_where_only_one_side_is_trained():
    x, y = normal(4, 3), normal(5, 3, seed=1)
    assert torch.autograd.gradcheck(lambda x: loss_het(x, y, 0.5), (x.clone().requires_grad_(),))
    assert torch.autograd.gradcheck(lambda y: loss_het(x, y, 0.5), (y.clone().requires_grad_(),))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-6)], ids=["f64", "f32"]
)
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_sums_and_gradients_are_the_twins(dtype, tolerance, n, t):
    unit = [x / x.norm(dim=-1, keepdim=True) for x in (normal(n, 4), normal(5, 4, seed=1))]
    cases = [
        (lambda x, y: loss_hom(x, t), lambda x, y: reference_unordered_pair_sum(x, t)),
        (lambda x, y: loss_hom(x, t, unordered=False), lambda x, y: reference_pair_sum(x, x, t)),
        (lambda x, y: loss_het(x, y, t), lambda x, y: reference_pair_sum(x, y, t)),
    ]
    for function, reference in cases:
        fast = [x.to(dtype).requires_grad_() for x in unit]
        slow = [x.to(dtype).double().requires_grad_() for x in unit]
        actual, expected = function(*fast), reference(*map(list, slow))
        assert actual.dtype == dtype
        # A single vector has no pairs: the sum is 0 up to the rounding of the diagonal.
        assert actual.item() == pytest.approx(expected.item(), rel=tolerance, abs=tolerance)
        actual.backward()
        if expected.requires_grad:
            expected.backward()
        for a, b in zip(fast, slow, strict=True):
            grads = [torch.zeros_like(z) if z.grad is None else z.grad for z in (a, b)]
            assert relative_error(*grads) < 3 * tolerance


@given(st.integers(1, 8), st.integers(1, 8), st.floats(0.1, 4.0), st.integers(0, 2**16))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_must_not_change_the_sums(n, m, t, seed):
    x, y = normal(n, 3, seed=seed), normal(m, 3, seed=seed + 1)
    rotation = torch.linalg.qr(normal(3, 3, seed=seed))[0]
    shift = normal(3, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    het, hom = loss_het(x, y, t).item(), loss_hom(x, t).item()
    assert loss_het(y, x, t).item() == pytest.approx(het, rel=1e-9)
    moved = loss_het(x @ rotation + shift, y @ rotation + shift, t)
    assert moved.item() == pytest.approx(het, rel=1e-9)
    assert loss_hom(x[order], t).item() == pytest.approx(hom, rel=1e-9, abs=1e-12)
    assert loss_hom(x @ rotation + shift, t).item() == pytest.approx(hom, rel=1e-9, abs=1e-12)
    together = loss_hom(torch.cat([x, y]), t).item()
    assert together == pytest.approx(hom + loss_hom(y, t).item() + het, rel=1e-9, abs=1e-12)
    assert -1e-12 <= hom <= n * (n - 1) / 2 + 1e-12


def test_no_negatives_give_no_pairs():
    assert loss_het(normal(3, 2), normal(0, 2)).item() == 0
    assert loss_hom(normal(0, 2)).item() == 0


@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_identical_vectors_give_the_most_and_pull_nowhere(fill):
    x = torch.full((4, 3), fill, requires_grad=True)
    hom = loss_hom(x)
    assert hom.item() == pytest.approx(6)  # 4·3 / 2 pairs of potential 1
    hom.backward()
    torch.testing.assert_close(x.grad, torch.zeros(4, 3), atol=1e-5, rtol=0)


def test_descent_on_hom_spreads_two_near_vectors():
    x = torch.tensor([[0.1, 0.0], [-0.1, 0.0]], requires_grad=True)
    loss_hom(x).backward()
    after = x.detach() - 0.01 * x.grad
    assert (after[0] - after[1]).norm() > (x[0] - x[1]).norm()


@pytest.mark.parametrize("norm", [1.0, 10.0, 1000.0])
def test_vectors_far_apart_have_a_hom_of_zero_in_float32(norm):
    # Squares cancel in the distances: what is left of them must not count as nearness.
    x = normal(20, 8)
    x = (norm * x / x.norm(dim=-1, keepdim=True)).float()
    exact = reference_unordered_pair_sum(list(x.double()), 2.0).item()
    assert loss_hom(x).item() == pytest.approx(exact, rel=1e-4, abs=1e-3)


def test_rounding_makes_no_potential_larger_than_1():
    x = (1000 * normal(20, 8)).float()
    # Each vector is at distance 0 of itself and far from the others.
    assert 0 < loss_het(x, x).item() <= 20
