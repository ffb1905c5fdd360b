"""SASRec against the twin that encodes one history, one token and one head at a time."""

import pytest
import torch

from tests.backbones.cases import DIM, batch_of, embeddings, sasrec, split
from tests.losses.cases import relative_error
from tests.reference_models import ReferenceSASRec, parameters_in_float64, vectors_of_batch
from uniseq.backbones import SASRec

# One bin is filled by 6, one by 5 and 1, one by 3 and 2 and padding.
LENGTHS = [3, 1, 6, 2, 5]
# Bins of 16 and of 20 tokens, so two rectangles.
LONG_LENGTHS = [2, 20, 9, 17, 4]

OPTIONS = pytest.mark.parametrize(
    ("positions", "all_positions"),
    [("start", False), ("start", True), ("end", False)],
    ids=["start-last", "start-all", "end-last"],
)


def assert_twins(module, lengths, *, all_positions, tolerance):
    """Values, and gradients of a random combination of them, agree with the twin's."""
    batch = batch_of(lengths)
    dtype = next(module.parameters()).dtype
    embedded = embeddings(batch, dtype=dtype).requires_grad_()
    actual = module(batch, embedded, all_positions=all_positions)

    parameters = parameters_in_float64(module)
    slow_embedded = embedded.detach().double().requires_grad_()
    expected = vectors_of_batch(
        ReferenceSASRec(module, parameters),
        split(slow_embedded, batch),
        all_positions=all_positions,
    )
    assert actual.shape == expected.shape
    assert actual.dtype == dtype
    assert relative_error(actual.detach(), expected.detach()) < tolerance

    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    names = list(parameters)
    grads = torch.autograd.grad(
        (actual * weights.to(dtype)).sum(), [embedded, *module.parameters()]
    )
    slow_grads = torch.autograd.grad(
        (expected * weights).sum(), [slow_embedded, *parameters.values()]
    )
    errors = {
        name: relative_error(fast, slow)
        for name, fast, slow in zip(["embedded", *names], grads, slow_grads, strict=True)
    }
    assert {name: error for name, error in errors.items() if error > tolerance} == {}
    assert all(float(grad.norm()) > 0 for grad in grads)


@OPTIONS
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_values_and_gradients_are_the_twins(layers, heads, positions, all_positions):
    module = sasrec(layers=layers, heads=heads, positions=positions).double()
    assert_twins(module, LENGTHS, all_positions=all_positions, tolerance=1e-9)


@OPTIONS
def test_in_float32_they_are_the_twins_to_its_rounding(positions, all_positions):
    module = sasrec(positions=positions)
    assert_twins(module, LENGTHS, all_positions=all_positions, tolerance=1e-5)


@pytest.mark.parametrize("all_positions", [False, True])
def test_histories_of_several_bin_capacities(all_positions):
    module = sasrec(heads=4, max_length=20).double()
    assert_twins(module, LONG_LENGTHS, all_positions=all_positions, tolerance=1e-9)


@pytest.mark.parametrize("lengths", [[1], [6], [1, 1, 1]])
@pytest.mark.parametrize("all_positions", [False, True])
def test_smallest_batches(lengths, all_positions):
    assert_twins(sasrec().double(), lengths, all_positions=all_positions, tolerance=1e-9)


def test_a_fresh_encoder_is_the_twin_too():
    torch.manual_seed(0)
    module = SASRec(dim=DIM, max_length=8).double().eval()
    assert_twins(module, LENGTHS, all_positions=False, tolerance=1e-9)
