"""SASRec against the twin that encodes one history, one token and one head at a time."""

import pytest
import torch

from tests.backbones import cases
from tests.backbones.cases import DIM, sasrec
from tests.reference_models import ReferenceSASRec
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


def assert_twins(module, lengths, **options):
    """As for every backbone; and no parameter is without a gradient."""

    def twin_of(parameters):
        twin = ReferenceSASRec(module, parameters)
        return lambda history, row: twin(history)

    grads = cases.assert_twins(module, twin_of, lengths, **options)
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
