"""The uniformity objective on degenerate batches, and the arguments that it refuses."""

import pytest
import torch

from tests.losses.cases import objective_with_gradients, random_triplets, relative_error, vectors
from tests.reference_models import ReferenceUniformity
from uniseq.errors import ConfigError
from uniseq.losses import BCELoss, Triplets, UniformityLoss

PAIRS = pytest.mark.parametrize("pairs", ["separate", "literal"])


def constant_triplets(fill, count, num_negatives, unit=False):
    return Triplets(
        torch.full((count, 4), fill),
        torch.full((count, 4), fill),
        torch.full((count, num_negatives, 4), fill),
        torch.full((5, 4), fill),
        torch.zeros(count, dtype=torch.long),
        unit=unit,
    )


@PAIRS
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("num_negatives", [1, 3])
@pytest.mark.parametrize(("fill", "unit"), [(0.0, False), (0.0, True), (0.5, False), (0.5, True)])
def test_zero_and_identical_vectors(pairs, count, num_negatives, fill, unit):
    triplets = constant_triplets(fill, count, num_negatives, unit)
    objective = UniformityLoss(BCELoss(), beta1=0.3, beta2=0.2, pairs=pairs)
    total, *gradients = objective_with_gradients(objective, triplets)
    expected = ReferenceUniformity(0.3, 0.2, pairs=pairs)(*(x.double() for x in vectors(triplets)))
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(g.isfinite().all() for g in gradients)


def test_a_batch_of_one_with_one_negative_has_no_separate_pairs():
    triplets = random_triplets(1, 1)
    total, terms = UniformityLoss(None, beta1=1.0, beta2=0.0)(triplets)
    assert terms["hom"].item() == pytest.approx(0, abs=1e-12)
    gradients = objective_with_gradients(UniformityLoss(None, beta1=1.0, beta2=0.0), triplets)[1:]
    assert max(relative_error(g, torch.zeros_like(g)) for g in gradients) < 1e-12
    assert total.item() == terms["hom"].item()


def test_without_negatives_only_the_positive_score_and_pairs_are_left():
    triplets = random_triplets(3, 0)
    total, terms = UniformityLoss(BCELoss(), beta=0.5)(triplets)
    assert terms["het"].item() == 0
    expected = ReferenceUniformity(0.5, 0.5)(*vectors(triplets))
    assert total.item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"rec": BCELoss(), "beta": -0.1}, "beta"),
        ({"rec": BCELoss(), "beta1": -0.1}, "beta1"),
        ({"rec": BCELoss(), "beta2": -1.0}, "beta2"),
        ({"rec": BCELoss(), "t": 0.0}, "t"),
        ({"rec": BCELoss(), "t": -2.0}, "t"),
        ({"rec": BCELoss(), "pairs": "both"}, "pairs"),
        ({"rec": None, "beta": 0.0}, "rec"),
        ({"rec": None, "beta1": 0.0, "beta2": 0.0}, "rec"),
    ],
)
def test_arguments_that_cannot_work_are_refused_by_name(arguments, key):
    with pytest.raises(ConfigError) as error:
        UniformityLoss(**arguments)
    assert error.value.key == key
    assert str(error.value).startswith(f"{key}: ")
