"""The uniformity objective against its twin, by hand, and under what must not change it."""

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
from tests.reference_models import ReferenceUniformity
from uniseq.losses import BCELoss, BPRLoss, Triplets, UniformityLoss

PAIRS = pytest.mark.parametrize("pairs", ["separate", "literal"])


@PAIRS
@pytest.mark.parametrize("num_negatives", [1, 3])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 3e-6)], ids=["f64", "f32"]
)
def test_value_and_gradient_are_the_twins(pairs, num_negatives, unit, count, dtype, tolerance):
    objective = UniformityLoss(BCELoss(), beta1=0.3, beta2=0.2, t=1.5, pairs=pairs)
    reference = ReferenceUniformity(0.3, 0.2, t=1.5, pairs=pairs)
    # The twin normalises always; so must the objective for the gradients to agree off the sphere.
    triplets = replace(random_triplets(count, num_negatives, unit=unit, dtype=dtype), unit=False)
    actual = objective_with_gradients(objective, triplets)
    expected = reference_with_gradients(reference, triplets)
    assert actual[0].dtype == dtype
    assert max(map(relative_error, actual, expected)) < tolerance


def axes_batch(unit=True):
    """Histories and positives on the two axes, each negative opposite to its positive."""
    axes = torch.eye(2, dtype=torch.float64)
    return Triplets(axes, axes, -axes[:, None], axes, torch.arange(2), unit=unit)


@pytest.mark.parametrize("unit", [False, True])
def test_separate_by_hand(unit):
    total, terms = UniformityLoss(BCELoss(), beta1=0.5, beta2=0.25)(axes_batch(unit))
    rec = 2 * math.log1p(math.exp(-1))  # positives at cosine 1, negatives at -1
    hom = 3 * math.exp(-4) / 2  # one pair at right angles within each kind
    het = (2 * math.exp(-8) + 2 * math.exp(-4)) / 2
    assert terms["rec"].item() == pytest.approx(rec, rel=1e-12)
    assert terms["hom"].item() == pytest.approx(hom, rel=1e-12)
    assert terms["het"].item() == pytest.approx(het, rel=1e-12)
    assert total.item() == pytest.approx(rec + 0.5 * hom + 0.25 * het, rel=1e-12)


def test_literal_by_hand():
    terms = UniformityLoss(None, pairs="literal")(axes_batch())[1]
    histories = 2 + 2 * math.exp(-4)
    items = 4 + 8 * math.exp(-4) + 4 * math.exp(-8)  # the four directions of the plane
    assert terms["hom"].item() == pytest.approx((histories + items) / 2, rel=1e-12)


@PAIRS
@pytest.mark.parametrize(
    ("rec", "beta1", "beta2"),
    [(True, 0.0, 0.0), (True, 0.1, 0.0), (True, 0.0, 0.1), (False, 0.1, 0.1), (False, 0.0, 0.1)],
)
def test_the_switches_of_table_2(pairs, rec, beta1, beta2):
    triplets = random_triplets(4, 2)
    objective = UniformityLoss(BCELoss() if rec else None, beta1=beta1, beta2=beta2, pairs=pairs)
    reference = ReferenceUniformity(beta1, beta2, pairs=pairs, rec=rec)
    assert set(objective(triplets)[1]) == {
        name for name, on in {"rec": rec, "hom": beta1, "het": beta2}.items() if on
    }
    actual = objective_with_gradients(objective, triplets)
    expected = reference_with_gradients(reference, triplets)
    assert max(map(relative_error, actual, expected)) < 1e-9


@PAIRS
def test_total_is_the_weighted_sum_of_the_unweighted_terms(pairs):
    triplets = random_triplets(5, 3)
    total, terms = UniformityLoss(BCELoss(), beta1=0.7, beta2=0.2, t=0.5, pairs=pairs)(triplets)
    expected = terms["rec"] + 0.7 * terms["hom"] + 0.2 * terms["het"]
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)
    reference = ReferenceUniformity(0.7, 0.2, t=0.5, pairs=pairs).terms(*vectors(triplets))
    for name, term in terms.items():
        assert term.item() == pytest.approx(reference[name].item(), rel=1e-9)


def test_beta_is_both_weights_unless_one_has_its_own():
    both = UniformityLoss(BCELoss(), beta=0.3)
    assert (both.beta1, both.beta2) == (0.3, 0.3)
    one = UniformityLoss(BCELoss(), beta=0.3, beta2=0.0)
    assert (one.beta1, one.beta2) == (0.3, 0.0)


def test_the_recommendation_loss_can_be_another():
    triplets = random_triplets(4, 2)
    total = UniformityLoss(BPRLoss(), beta=0.0)(triplets)[0]
    assert total.item() == pytest.approx(BPRLoss()(triplets)[0].item(), rel=1e-12)


def test_scores_see_raw_vectors_and_pairs_see_normalised_copies():
    raw = random_triplets(4, 2)
    objective = UniformityLoss(BCELoss(), beta1=0.4, beta2=0.1)
    history, positive, negatives = (x / x.norm(dim=-1, keepdim=True) for x in vectors(raw))
    on_sphere = replace(raw, history=history, positive=positive, negatives=negatives, unit=True)
    terms, terms_on_sphere = objective(raw)[1], objective(on_sphere)[1]
    assert terms["hom"].item() == pytest.approx(terms_on_sphere["hom"].item(), rel=1e-9)
    assert terms["het"].item() == pytest.approx(terms_on_sphere["het"].item(), rel=1e-9)
    assert terms["rec"].item() == BCELoss()(raw)[0].item()
    assert abs(terms["rec"].item() - terms_on_sphere["rec"].item()) > 0.01


@PAIRS
def test_vectors_said_to_be_unit_give_the_same_and_push_the_same_way_along_the_sphere(pairs):
    triplets = random_triplets(5, 2, unit=True)
    objective = UniformityLoss(None, beta=0.4, pairs=pairs)
    given_unit = objective_with_gradients(objective, triplets)
    normalised = objective_with_gradients(objective, replace(triplets, unit=False))
    assert given_unit[0].item() == pytest.approx(normalised[0].item(), rel=1e-12)
    for x, a, b in zip(vectors(triplets), given_unit[1:], normalised[1:], strict=True):
        along_sphere = a - (a * x).sum(-1, keepdim=True) * x
        assert relative_error(along_sphere, b) < 1e-9


@PAIRS
@given(count=st.integers(1, 5), num_negatives=st.integers(1, 3), seed=st.integers(0, 2**16))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_order_rotation_and_norms_do_not_matter_to_the_pairs(pairs, count, num_negatives, seed):
    triplets = random_triplets(count, num_negatives, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=generator)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=generator))[0]
    history, positive, negatives = (x[order] @ rotation * 3 for x in vectors(triplets))
    changed = replace(
        triplets,
        history=history,
        positive=positive,
        negatives=negatives,
        targets=triplets.targets[order],
    )
    objective = UniformityLoss(None, pairs=pairs)
    expected = objective(triplets)[0].item()
    assert objective(changed)[0].item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_order_of_triplets_does_not_matter_to_the_whole():
    triplets = random_triplets(6, 3)
    order = torch.tensor([3, 5, 0, 2, 1, 4])
    history, positive, negatives = (x[order] for x in vectors(triplets))
    shuffled = replace(triplets, history=history, positive=positive, negatives=negatives)
    objective = UniformityLoss(BCELoss())
    expected = objective(triplets)[0].item()
    assert objective(shuffled)[0].item() == pytest.approx(expected, rel=1e-12)
