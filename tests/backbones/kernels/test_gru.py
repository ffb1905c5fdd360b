"""The GRU layer with hand-written gradients against the library's and finite differences."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tests.losses.cases import relative_error
from uniseq.backbones.gru4rec import _by_time, _run
from uniseq.backbones.kernels.gru import GRULayer

LENGTHS = pytest.mark.parametrize(
    "lengths", [[1], [1, 1], [3, 1, 5], [2, 2, 2], [7], [1, 4, 4, 2, 1, 9]], ids=str
)
SIZES = pytest.mark.parametrize(("dim", "hidden"), [(3, 3), (5, 2), (2, 6), (1, 1)])


def plan(lengths):
    """The tokens before, and how many histories have a first, second, … token."""
    _, _, previous, sizes = _by_time(np.array(lengths))
    return torch.from_numpy(previous), sizes


def layer_of(dim, hidden, dtype=torch.float64, scale=0.7):
    torch.manual_seed(0)
    layer = nn.GRU(dim, hidden)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=scale)
    return layer.to(dtype)


def tokens(lengths, dim, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(sum(lengths), dim, generator=generator, dtype=torch.float64)
    return drawn.to(dtype).requires_grad_()


def weights(layer):
    """In the order of ``GRULayer.apply``."""
    return layer.weight_ih_l0, layer.bias_ih_l0, layer.weight_hh_l0, layer.bias_hh_l0


def library(layer, x, sizes):
    return layer(PackedSequence(x, torch.tensor(sizes)))[0].data


def with_gradients(states, x, layer, seed=1):
    generator = torch.Generator().manual_seed(seed)
    combination = torch.randn(states.shape, generator=generator, dtype=torch.float64)
    total = (states * combination.to(states.dtype)).sum()
    return [states.detach(), *torch.autograd.grad(total, [x, *weights(layer)])]


def assert_library(lengths, dim, hidden, dtype=torch.float64, tolerance=1e-10, **options):
    layer, x = layer_of(dim, hidden, dtype, **options), tokens(lengths, dim, dtype)
    previous, sizes = plan(lengths)
    actual = with_gradients(GRULayer.apply(x, *weights(layer), previous, sizes), x, layer)
    expected = with_gradients(library(layer, x, sizes), x, layer)
    for name, ours, theirs in zip(
        ["states", "x", "W_x", "b_x", "W_h", "b_h"], actual, expected, strict=True
    ):
        assert ours.shape == theirs.shape, name
        assert ours.dtype == dtype, name
        assert relative_error(ours, theirs) < tolerance, name


@SIZES
@LENGTHS
def test_values_and_gradients_are_the_library_s(lengths, dim, hidden):
    assert_library(lengths, dim, hidden)


@SIZES
@LENGTHS
def test_in_float32_they_are_to_its_rounding(lengths, dim, hidden):
    assert_library(lengths, dim, hidden, torch.float32, 2e-5)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=9), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=25)
def test_nor_does_any_other_batch_differ(lengths, dim, hidden):
    assert_library(lengths, dim, hidden)


def test_a_long_history_and_closed_gates():
    assert_library([300, 2], 3, 4)
    assert_library([5, 3], 3, 4, scale=30.0)  # sigmoids and tanhs of exactly 0 and 1


@pytest.mark.parametrize("lengths", [[1], [1, 1], [3, 1, 5], [2, 2, 2]], ids=str)
@pytest.mark.parametrize(("dim", "hidden"), [(2, 3), (3, 2)])
def test_gradients_are_those_of_finite_differences(lengths, dim, hidden):
    layer, (previous, sizes) = layer_of(dim, hidden), plan(lengths)
    given_tensors = (tokens(lengths, dim), *weights(layer))
    assert torch.autograd.gradcheck(
        lambda *tensors: GRULayer.apply(*tensors, previous, sizes), given_tensors, atol=1e-7
    )


def test_one_number_by_hand():
    """All weights 1, biases 0, x = 1 twice: h is first (1 - σ(1))·tanh(1), then as the formula."""
    ones, none = torch.ones(3, 1, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    x = torch.ones(2, 1, dtype=torch.float64)
    states = GRULayer.apply(x, ones, none, ones, none, *plan([2]))
    # (1 - 0.7310586)·0.7615942 = 0.2048242; σ(1.2048242) = 0.7693819,
    # tanh(1 + 0.7693819·0.2048242) = 0.8202523, and 0.2306181·0.8202523 + 0.7693819·0.2048242.
    assert states.flatten().tolist() == pytest.approx([0.2048242, 0.3467531], abs=1e-6)


def test_a_second_backward_pass_through_the_same_graph_gives_the_same():
    layer, x = layer_of(3, 4), tokens([3, 1, 5], 3)
    total = GRULayer.apply(x, *weights(layer), *plan([3, 1, 5])).pow(3).sum()
    first = torch.autograd.grad(total, [x, *weights(layer)], retain_graph=True)
    second = torch.autograd.grad(total, [x, *weights(layer)])
    assert all(map(torch.equal, first, second))


@pytest.mark.parametrize("frozen", range(5))
def test_gradients_of_some_of_the_inputs_alone(frozen):
    layer, x = layer_of(3, 4), tokens([3, 1, 5], 3)
    inputs = [x, *weights(layer)]
    plan_ = plan([3, 1, 5])
    expected = torch.autograd.grad(GRULayer.apply(*inputs, *plan_).pow(3).sum(), inputs)
    inputs[frozen] = inputs[frozen].detach()
    kept = [tensor for tensor in inputs if tensor.requires_grad]
    actual = torch.autograd.grad(GRULayer.apply(*inputs, *plan_).pow(3).sum(), kept)
    wanted = [grad for place, grad in enumerate(expected) if place != frozen]
    assert all(map(torch.equal, actual, wanted))


def test_tokens_and_gradients_that_lie_apart_in_memory():
    layer, lengths = layer_of(3, 4), [3, 1, 5]
    x = tokens(lengths, 3)
    apart = x.detach().mT.contiguous().mT.requires_grad_()
    assert not apart.is_contiguous()
    grads = []
    for tensor in (x, apart):
        states = GRULayer.apply(tensor, *weights(layer), *plan(lengths))
        # The gradient of a sum is one number, expanded; that of the transpose is transposed.
        grads.append(torch.autograd.grad(states.sum() + states.mT.pow(2).sum(), tensor)[0])
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-12, atol=0)


def test_no_input_is_written_to():
    layer, x = layer_of(3, 4), tokens([3, 1, 5], 3)
    inputs = [x, *weights(layer)]
    copies = [tensor.detach().clone() for tensor in inputs]
    grad = torch.randn(9, 4, dtype=torch.float64)
    kept = grad.clone()
    GRULayer.apply(*inputs, *plan([3, 1, 5])).backward(grad)
    assert all(map(torch.equal, inputs, copies))
    assert torch.equal(grad, kept)


def test_a_history_that_is_not_a_number_spoils_no_other():
    layer, lengths = layer_of(3, 4), [2, 4, 3]
    source, place, _, _ = _by_time(np.array(lengths))
    x = tokens(lengths, 3).detach()
    expected = GRULayer.apply(x[source], *weights(layer), *plan(lengths))[place]
    x[2:6] = torch.nan
    actual = GRULayer.apply(x[source], *weights(layer), *plan(lengths))[place]
    assert actual[2:6].isnan().all()
    assert torch.equal(actual[[0, 1, 6, 7, 8]], expected[[0, 1, 6, 7, 8]])


@pytest.mark.parametrize("inside", [False, True], ids=["backward-outside", "backward-inside"])
def test_bfloat16_autocast_leaves_the_recurrence_alone(inside):
    """The recurrence keeps to float32, where the rounding of many steps would add up."""
    lengths = [20, 3]
    layer, x = layer_of(3, 4, torch.float32), tokens(lengths, 3, torch.float32)
    plain = with_gradients(GRULayer.apply(x, *weights(layer), *plan(lengths)), x, layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = GRULayer.apply(x, *weights(layer), *plan(lengths))
        if inside:
            cast = with_gradients(states, x, layer)
    if not inside:
        cast = with_gradients(states, x, layer)
    assert states.dtype == torch.float32
    # Products of a backward pass inside, which the library advises against, are of bfloat16.
    tolerances = [1e-6, *[2e-2 if inside else 1e-6] * 5]
    for actual, expected, tolerance in zip(cast, plain, tolerances, strict=True):
        assert actual.isfinite().all()
        assert relative_error(actual, expected) < tolerance


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tokens_in_half_precision_cost_the_weights_none_of_theirs(dtype):
    lengths = [4, 2]
    layer, x = layer_of(3, 4, torch.float32), tokens(lengths, 3, dtype)
    states = GRULayer.apply(x, *weights(layer), *plan(lengths))
    assert states.dtype == dtype
    wide = x.detach().float().requires_grad_()
    expected = GRULayer.apply(wide, *weights(layer), *plan(lengths))
    assert relative_error(states.detach(), expected.detach()) < 5e-3
    grads = torch.autograd.grad(states.float().sum(), [x, *weights(layer)])
    wide_grads = torch.autograd.grad(expected.sum(), [wide, *weights(layer)])
    assert grads[0].dtype == dtype
    for actual, wanted in zip(grads[1:], wide_grads[1:], strict=True):
        assert actual.dtype == torch.float32
        assert relative_error(actual, wanted) < 1e-6


@LENGTHS
def test_the_library_s_path_and_ours_agree(lengths):
    """On a GPU a layer is called as a module; here both can be called, on the same tokens."""
    layer, x = layer_of(3, 5, torch.float32), tokens(lengths, 3, torch.float32)
    previous, sizes = plan(lengths)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = library(layer, x, sizes)
    assert relative_error(_run(layer, x, previous, sizes).detach(), theirs.detach()) < 1e-6


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.sampled_from([np.int32, np.int64]))
@settings(max_examples=25)
def test_the_order_by_time(lengths, dtype):
    source, place, previous, sizes = _by_time(np.array(lengths, dtype=dtype))
    by_token = [(row, time) for row, length in enumerate(lengths) for time in range(length)]
    by_time = [by_token[token] for token in source]
    longest_first = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    assert by_time == [
        (row, time) for time in range(max(lengths)) for row in longest_first if lengths[row] > time
    ]
    assert [by_time[p] for p in place] == by_token
    assert [by_time[p] for p in previous] == [(row, time - 1) for row, time in by_time if time]
    assert sizes == [sum(length > time for length in lengths) for time in range(max(lengths))]
    assert all(type(size) is int for size in sizes)
