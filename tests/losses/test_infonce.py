"""InfoNCE against its twin, by hand, on degenerate batches, and the options that it refuses."""

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
    vectors,
)
from tests.reference_models import ReferenceInfoNCE
from uniseq.errors import ConfigError
from uniseq.losses import BCELoss, InfoNCELoss, Triplets, UniformityLoss, loss_infonce

MASKS = pytest.mark.parametrize("mask", ["none", "item", "user"])
IN_BATCH = pytest.mark.parametrize("in_batch", [True, False], ids=["batch", "sampled"])


def with_owned(triplets, seed=0):
    """The same, few items as targets so that they repeat, with made-up items of the users."""
    count = len(triplets.history)
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(3, (count,), generator=generator)
    owned = torch.rand(count, count, generator=generator) < 0.4
    owned |= targets[:, None] == targets
    return replace(triplets, targets=targets, owned=owned)


def twin(objective, triplets):
    """The reference with the false negatives that the objective's mask names, by a double loop."""
    rows = range(len(triplets.history))
    false = {
        "none": lambda r, c: False,
        "item": lambda r, c: triplets.targets[r].item() == triplets.targets[c].item(),
        "user": lambda r, c: triplets.owned[r, c].item(),
    }[objective.mask]
    return ReferenceInfoNCE(
        objective.temperature, objective.in_batch, [[false(r, c) for c in rows] for r in rows]
    )


def assert_like_twin(objective, triplets, tolerance):
    actual = objective_with_gradients(objective, triplets)
    expected = reference_with_gradients(twin(objective, triplets), triplets)
    assert all(value.isfinite().all() for value in actual)
    for value, slow in zip(actual, expected, strict=True):
        # Where nothing pulls, the twin's own rounding is all there is to compare with.
        error = (value.double() - slow).norm().item()
        assert error <= tolerance * max(slow.norm().item(), 0.1)


@MASKS
@IN_BATCH
@pytest.mark.parametrize("num_negatives", [1, 3])
@pytest.mark.parametrize(("unit", "temperature"), [(True, 0.07), (False, 1.0), (False, 0.3)])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 3e-6)], ids=["f64", "f32"]
)
def test_value_and_gradient_are_the_twins(
    mask, in_batch, num_negatives, unit, temperature, dtype, tolerance
):
    triplets = with_owned(random_triplets(6, num_negatives, unit=unit, dtype=dtype))
    objective = InfoNCELoss(temperature, in_batch, mask)
    assert_like_twin(objective, triplets, tolerance)
    assert objective(triplets)[0].dtype == dtype


@MASKS
@IN_BATCH
@given(
    count=st.integers(1, 6),
    num_negatives=st.integers(0, 3),
    temperature=st.floats(0.1, 5),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=10)
def test_any_batch_is_the_twins(mask, in_batch, count, num_negatives, temperature, seed):
    triplets = with_owned(random_triplets(count, num_negatives, unit=True, seed=seed), seed)
    assert_like_twin(InfoNCELoss(temperature, in_batch, mask), triplets, 1e-9)


@MASKS
@IN_BATCH
@pytest.mark.parametrize("fill", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("num_negatives", [0, 1, 3])
def test_zero_and_identical_vectors(mask, in_batch, fill, count, num_negatives):
    triplets = Triplets(
        torch.full((count, 4), fill),
        torch.full((count, 4), fill),
        torch.full((count, num_negatives, 4), fill),
        torch.full((5, 4), fill),
        torch.zeros(count, dtype=torch.long),  # all the same positive
        owned=torch.ones(count, count, dtype=torch.bool),
    )
    objective = InfoNCELoss(0.1, in_batch, mask)
    assert_like_twin(objective, triplets, 1e-5)
    # All candidates alike: the positive has one share of them.
    others = count - 1 if in_batch and mask == "none" else 0
    expected = math.log(1 + others + num_negatives)
    assert objective(triplets)[0].item() == pytest.approx(expected, abs=1e-6)


def axes_batch(targets):
    """Histories and positives on the two axes, each negative opposite to its positive."""
    axes = torch.eye(2, dtype=torch.float64)
    return Triplets(axes, axes, -axes[:, None], axes, torch.tensor(targets), unit=True)


def test_infonce_by_hand():
    e = math.e
    # Scores 1 of the positive, 0 of the other's positive and -1 of the sampled negative.
    together = math.log((e + 1 + 1 / e) / e)
    sampled = math.log((e + 1 / e) / e)
    different, same = axes_batch([0, 1]), axes_batch([1, 1])
    for mask, triplets, expected in (
        ("none", different, together),
        ("none", same, together),
        ("item", different, together),
        ("item", same, sampled),
        ("user", replace(different, owned=torch.eye(2, dtype=torch.bool)), together),
        ("user", replace(different, owned=torch.ones(2, 2, dtype=torch.bool)), sampled),
    ):
        assert InfoNCELoss(1.0, True, mask)(triplets)[0].item() == pytest.approx(
            expected, rel=1e-12
        )
    assert InfoNCELoss(1.0, in_batch=False)(different)[0].item() == pytest.approx(
        sampled, rel=1e-12
    )
    # At τ = 1/2 the scores are 2, 0 and -2.
    half = InfoNCELoss(0.5, True, "none")(different)[0].item()
    assert half == pytest.approx(math.log((e**2 + 1 + e**-2) / e**2), rel=1e-12)


def test_the_mask_of_users_goes_by_rows():
    # The first user has the second's positive, not the other way round.
    owned = torch.tensor([[True, True], [False, True]])
    e = math.e
    expected = (math.log((e + 1 / e) / e) + math.log((e + 1 + 1 / e) / e)) / 2
    total = InfoNCELoss(1.0, True, "user")(replace(axes_batch([0, 1]), owned=owned))[0]
    assert total.item() == pytest.approx(expected, rel=1e-12)


def test_the_positive_itself_is_never_left_out_and_what_is_told_stays_as_it_is():
    triplets = random_triplets(3, 1)
    nothing, diagonal = torch.zeros(3, 3, dtype=torch.bool), torch.eye(3, dtype=torch.bool)
    values = [
        InfoNCELoss(1.0, True, "user")(replace(triplets, owned=owned))[0].item()
        for owned in (nothing, diagonal)
    ]
    none = InfoNCELoss(1.0, True, "none")(triplets)[0].item()
    assert values == [none, none]
    assert diagonal.equal(torch.eye(3, dtype=torch.bool))


def test_equal_targets_pull_no_history_away_from_their_item():
    triplets = replace(random_triplets(2, 1), targets=torch.tensor([4, 4]))
    gradients = {
        mask: objective_with_gradients(InfoNCELoss(1.0, True, mask), triplets)
        for mask in ("none", "item")
    }
    alone = [
        InfoNCELoss(1.0)(
            replace(
                triplets,
                history=triplets.history[r : r + 1],
                positive=triplets.positive[r : r + 1],
                negatives=triplets.negatives[r : r + 1],
                targets=triplets.targets[r : r + 1],
            )
        )[0].item()
        for r in range(2)
    ]
    assert gradients["item"][0].item() == pytest.approx(sum(alone) / 2, rel=1e-12)
    assert gradients["none"][0].item() > gradients["item"][0].item()


def test_a_mask_of_users_needs_what_they_own():
    with pytest.raises(ValueError, match=r"mask=user needs Triplets\.owned"):
        InfoNCELoss(mask="user")(random_triplets(3, 1))
    # Without the batch's positives there is nothing to leave out.
    sampled = InfoNCELoss(1.0, in_batch=False, mask="user")(random_triplets(3, 1))[0]
    assert sampled.item() == InfoNCELoss(1.0, in_batch=False)(random_triplets(3, 1))[0].item()


def test_only_the_mask_of_users_asks_for_what_they_own():
    def reads(**arguments):
        alone = InfoNCELoss(**arguments)
        within = UniformityLoss(InfoNCELoss(**arguments))
        assert alone.reads_owned is within.reads_owned
        return alone.reads_owned

    assert reads(mask="user") is True
    assert reads(mask="user", in_batch=False) is False
    assert reads(mask="item") is False
    assert reads(mask="none") is False
    assert UniformityLoss(BCELoss()).reads_owned is False
    assert UniformityLoss(None).reads_owned is False


def test_within_the_uniformity_objective_it_is_the_term_rec():
    triplets = with_owned(random_triplets(5, 1))
    rec = InfoNCELoss(0.5, mask="user")
    total, terms = UniformityLoss(rec, beta1=0.3, beta2=0.2)(triplets)
    assert terms["rec"].item() == rec(triplets)[0].item()
    pairs = UniformityLoss(None, beta1=0.3, beta2=0.2)(triplets)[0].item()
    assert total.item() == pytest.approx(terms["rec"].item() + pairs, rel=1e-12)


def test_the_only_term_is_the_total():
    total, terms = InfoNCELoss()(random_triplets(3, 2))
    assert list(terms) == ["rec"]
    assert terms["rec"].item() == total.item()


def test_logits_of_minus_infinity_are_no_candidates():
    logits = torch.tensor([[0.0, -math.inf, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    expected = (math.log(2) + math.log(3)) / 2
    labels = torch.tensor([0, 2])
    assert loss_infonce(logits, labels).item() == pytest.approx(expected, rel=1e-12)


@MASKS
@IN_BATCH
def test_extreme_scores_give_a_finite_loss_and_gradient(mask, in_batch):
    triplets = with_owned(random_triplets(4, 2, dtype=torch.float32))
    for factor in (1e4, -1e4):
        far = replace(triplets, history=triplets.history * factor)
        values = objective_with_gradients(InfoNCELoss(0.01, in_batch, mask), far)
        assert all(value.isfinite().all() for value in values)


@MASKS
@given(count=st.integers(1, 6), seed=st.integers(0, 2**16))
@settings(max_examples=10)
def test_order_and_rotation_do_not_matter(mask, count, seed):
    triplets = with_owned(random_triplets(count, 2, seed=seed), seed)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=generator)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=generator))[0]
    history, positive, negatives = (x[order] @ rotation for x in vectors(triplets))
    changed = replace(
        triplets,
        history=history,
        positive=positive,
        negatives=negatives.flip(1),
        targets=triplets.targets[order],
        owned=triplets.owned[order][:, order],
    )
    objective = InfoNCELoss(0.5, mask=mask)
    assert objective(changed)[0].item() == pytest.approx(objective(triplets)[0].item(), rel=1e-9)


@MASKS
@IN_BATCH
def test_the_trainers_precision_does_not_matter(mask, in_batch):
    triplets = with_owned(random_triplets(5, 2, unit=True, dtype=torch.float32))
    objective = InfoNCELoss(0.1, in_batch, mask)
    exact = objective(triplets)[0]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = objective(triplets)[0]
    assert mixed.dtype == torch.float32
    assert mixed.item() == pytest.approx(exact.item(), rel=1e-6)


@MASKS
@IN_BATCH
def test_the_loss_never_waits_for_the_device(mask, in_batch):
    # The meta device has no values: to ask for one is an error.
    triplets = with_owned(random_triplets(4, 2))
    names = ("history", "positive", "negatives", "items", "targets", "owned")
    moved = replace(triplets, **{name: getattr(triplets, name).to("meta") for name in names})
    total, *gradients = objective_with_gradients(InfoNCELoss(0.1, in_batch, mask), moved)
    assert total.shape == ()
    assert [x.shape for x in gradients] == [x.shape for x in vectors(triplets)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.0),
        ("temperature", -1.0),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("mask", "both"),
    ],
)
def test_arguments_that_cannot_work_are_refused_by_name(key, value):
    with pytest.raises(ConfigError) as error:
        InfoNCELoss(**{key: value})
    assert error.value.key == key
    assert str(error.value).startswith(f"{key}: must be ")
