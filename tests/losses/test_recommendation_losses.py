"""BCE and BPR against their twins, by hand and under what must not change them."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses.cases import (
    objective_with_gradients,
    random_triplets,
    reference_with_gradients,
    relative_error,
    vectors,
)
from tests.reference_models import reference_bce, reference_bpr
from uniseq.losses import BCELoss, BPRLoss, Triplets, loss_bce, loss_bpr

LOSSES = [(BCELoss(), reference_bce), (BPRLoss(), reference_bpr)]
BOTH = pytest.mark.parametrize(("objective", "reference"), LOSSES, ids=["bce", "bpr"])
# The score whose sigmoid is 3/4.
LOG3 = torch.tensor([math.log(3)], dtype=torch.float64)


@BOTH
@pytest.mark.parametrize("num_negatives", [1, 3])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-6)], ids=["f64", "f32"]
)
def test_value_and_gradient_are_the_twins(
    objective, reference, num_negatives, unit, dtype, tolerance
):
    triplets = random_triplets(6, num_negatives, unit=unit, dtype=dtype)
    actual = objective_with_gradients(objective, triplets)
    expected = reference_with_gradients(reference, triplets)
    assert actual[0].dtype == dtype
    assert max(map(relative_error, actual, expected)) < tolerance


def test_bce_by_hand():
    # -log(3/4) - log(1/4) = log(16/3)
    assert loss_bce(LOG3, LOG3[:, None]).item() == pytest.approx(math.log(16 / 3), rel=1e-12)


def test_bce_at_score_zero_is_log_2_for_each_score():
    assert loss_bce(torch.zeros(5), torch.zeros(5, 3)).item() == pytest.approx(4 * math.log(2))


def test_bce_of_several_negatives_by_hand():
    # σ is 3/4, 1/2 and 1/4 at log 3, 0 and -log 3. The first triplet: -log(3/4) - log(1/2) -
    # log(3/4) = log(32/9); the second: -log(1/4) - log(1/4) - log(1/2) = log 32.
    positive = torch.cat([LOG3, -LOG3])
    negatives = torch.stack([torch.cat([0 * LOG3, -LOG3]), torch.cat([LOG3, 0 * LOG3])])
    expected = (math.log(32 / 9) + math.log(32)) / 2
    assert loss_bce(positive, negatives).item() == pytest.approx(expected, rel=1e-12)


def test_without_negatives_bce_keeps_the_positives_and_bpr_nothing():
    positive, none = torch.zeros(3, requires_grad=True), torch.zeros(3, 0)
    assert loss_bce(positive, none).item() == pytest.approx(math.log(2))
    loss = loss_bpr(positive, none)
    loss.backward()
    assert loss.item() == 0
    assert positive.grad.tolist() == [0, 0, 0]


def test_bpr_by_hand():
    # Differences log 3 and 0: -log(3/4) - log(1/2) = log(8/3)
    negatives = torch.stack([torch.zeros_like(LOG3), LOG3], dim=1)
    assert loss_bpr(LOG3, negatives).item() == pytest.approx(math.log(8 / 3), rel=1e-12)


def test_loss_is_a_sum_over_negatives_and_a_mean_over_triplets():
    positive, negatives = torch.randn(4), torch.randn(4, 3)
    for loss in (loss_bce, loss_bpr):
        of_one = [loss(positive[r : r + 1], negatives[r : r + 1]).item() for r in range(4)]
        assert loss(positive, negatives).item() == pytest.approx(sum(of_one) / 4, rel=1e-6)
    by_negative = sum(loss_bpr(positive, negatives[:, k : k + 1]).item() for k in range(3))
    assert loss_bpr(positive, negatives).item() == pytest.approx(by_negative, rel=1e-6)


def test_bpr_depends_on_score_differences_alone():
    positive, negatives = torch.randn(4).double(), torch.randn(4, 3).double()
    shifted = loss_bpr(positive + 5, negatives + 5)
    assert shifted.item() == pytest.approx(loss_bpr(positive, negatives).item(), rel=1e-12)


@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_extreme_scores_give_a_finite_loss_and_gradient(score):
    positive = torch.full((2,), score, requires_grad=True)
    negatives = torch.full((2, 2), -score, requires_grad=True)
    for loss, wrong in ((loss_bce, 3 * 1e4), (loss_bpr, 2 * 2e4)):
        value = loss(positive, negatives)
        # Far on the wrong side the loss is linear, far on the right side nothing.
        assert value.item() == pytest.approx(wrong if score < 0 else 0.0)
        gradients = torch.autograd.grad(value, [positive, negatives])
        assert all(g.isfinite().all() for g in gradients)


@BOTH
@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("num_negatives", [1, 2])
def test_zero_and_identical_vectors(objective, reference, fill, count, num_negatives):
    triplets = Triplets(
        torch.full((count, 3), fill),
        torch.full((count, 3), fill),
        torch.full((count, num_negatives, 3), fill),
        torch.full((5, 3), fill),
        torch.zeros(count, dtype=torch.long),
    )
    actual = objective_with_gradients(objective, triplets)
    expected = reference_with_gradients(reference, triplets)
    assert all(x.isfinite().all() for x in actual)
    assert max(map(relative_error, actual, expected)) < 1e-5


@BOTH
def test_the_only_term_is_the_total(objective, reference):
    total, terms = objective(random_triplets(3, 2))
    assert list(terms) == ["rec"]
    assert terms["rec"].item() == total.item()


@BOTH
@given(
    count=st.integers(1, 6),
    num_negatives=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_order_of_triplets_and_negatives_does_not_matter(
    objective, reference, count, num_negatives, seed
):
    triplets = random_triplets(count, num_negatives, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=generator)
    among = torch.randperm(num_negatives, generator=generator)
    shuffled = replace(
        triplets,
        history=triplets.history[order],
        positive=triplets.positive[order],
        negatives=triplets.negatives[order][:, among],
        targets=triplets.targets[order],
    )
    assert objective(shuffled)[0].item() == pytest.approx(objective(triplets)[0].item(), rel=1e-12)


@BOTH
def test_a_rotation_of_the_space_does_not_matter(objective, reference):
    triplets = random_triplets(5, 3)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    history, positive, negatives = (x @ rotation for x in vectors(triplets))
    rotated = replace(triplets, history=history, positive=positive, negatives=negatives)
    assert objective(rotated)[0].item() == pytest.approx(objective(triplets)[0].item(), rel=1e-12)
